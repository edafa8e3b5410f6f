"""The real aws-kinesis-agg: bindings/python/build says where it is, in PEER."""

import os
import sys
import warnings

sys.path.append(os.environ["PEER"])
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from aws_kinesis_agg import aggregator, deaggregator

__all__ = ["aggregator", "deaggregator"]

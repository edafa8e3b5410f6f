"""Our side of the runs with the real KPL: the package ../putter, built, and its certificates."""

import json
import os
import subprocess

from local import CACHE, INTEROP

PACKAGE = os.path.join(INTEROP, "putter")
PUTTER = os.path.join(PACKAGE, "target", "release", "kinesis-aggregation-putter")
CERTIFICATES = os.path.join(CACHE, "certificates")


def build():
    """Before only_loopback: cargo may have to fetch."""
    if not os.environ.get("INTEROP_ONLY_LOOPBACK"):
        subprocess.run(["cargo", "build", "--quiet", "--release", "--locked"], cwd=PACKAGE, check=True)
        subprocess.run([PUTTER, "certificate", CERTIFICATES], check=True)


def versions():
    """Of this library and of the SDK that it puts with."""
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--offline"]
    metadata = json.loads(subprocess.run(command, cwd=PACKAGE, check=True, capture_output=True).stdout)
    versions = {package["name"]: package["version"] for package in metadata["packages"]}
    return versions["kinesis-aggregation"], versions["aws-sdk-kinesis"]


def machine():
    """What it is called, and how many processors it has."""
    with open("/proc/cpuinfo") as f:
        names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return f"{names[0] if names else os.uname().machine}, {os.cpu_count()} processors"

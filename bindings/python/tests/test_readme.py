import contextlib
import io
import re
import unittest

import peer  # noqa: F401: it makes Powertools importable
from vectors import ROOT, lambda_record


class Readme(unittest.TestCase):
    def test_its_examples_run_as_they_stand(self):
        text = (ROOT / "bindings/python/README.md").read_text()
        examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        names = {}
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            event = {"Records": [lambda_record(b'{"a": 1}', "key", "1")]}
            for example in examples:
                exec(compile(example, "README.md", "exec"), names)
                if "handler" in names:
                    names.pop("handler")(event, None)
            self.assertEqual(names["lambda_handler"](event, None), {"batchItemFailures": []})
        self.assertEqual(len(examples), 6)
        self.assertEqual(printed.getvalue(), "key 0 {'a': 1}\nkey {'a': 1}\n2 2\n2 0\nkey {\"a\": 1}\n")
        self.assertEqual(len(names["deaggregate_records"](lambda_record(b"x", "key", "1"))), 1)

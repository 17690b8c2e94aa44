"""The gate's result as JUnit XML, which every CI reads."""

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring  # nosec: writes only

from pointsman.evals.gate import Gated

_NO_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def junit(gated: Gated) -> str:
    """One test suite: a test for each check, and one for each case that passed before and fails.

    A case alone fails nothing: those are marked as skipped, with what they lost, unless the gate
    failed.
    """
    cases = _cases(gated)
    root = Element("testsuites", name="pointsman")
    suite = SubElement(
        root,
        "testsuite",
        name=_text(f"gate of {gated.suite or 'suite'}"),
        tests=str(len(gated.checks) + len(cases)),
        failures=str(len(gated.failed)),
        errors="0",
        skipped=str(len(cases)),
    )
    for check in gated.checks:
        test = SubElement(suite, "testcase", classname="gate", name=_text(check.name))
        if not check.passed:
            SubElement(test, "failure", message=_text(check.why), type="gate").text = _text(
                f"{check.name}: {check.why}"
            )
        else:
            SubElement(test, "system-out").text = _text(check.why)
    for name, lost in cases:
        test = SubElement(suite, "testcase", classname="regressed", name=_text(name))
        SubElement(test, "skipped", message=_text(lost))
    indent(root)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return head + tostring(root, encoding="unicode") + "\n"


def _cases(gated: Gated) -> list[tuple[str, str]]:
    if gated.comparison is None:
        return []
    return [
        (
            f"{moved.case} (epoch {moved.epoch})",
            f"no longer passes: {', '.join(moved.metrics)}"
            + (f"; {moved.error}" if moved.error else ""),
        )
        for moved in gated.comparison.regressed
    ]


def _text(text: str) -> str:
    return _NO_XML.sub("�", text)

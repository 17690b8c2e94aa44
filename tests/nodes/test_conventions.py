"""The names of telemetry: all of them, as they were agreed."""

import ast
from pathlib import Path

from pointsman.nodes import conventions as names

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("conventions.txt")


def listed() -> str:
    """Every name, one a line."""
    lines = [f"version {names.CONVENTION}"]
    lines += sorted(
        f"attribute {value}"
        for key, value in vars(names).items()
        if key.isupper() and isinstance(value, str) and "." in value and " " not in value
    )
    for operation, shape in names.SHAPES.items():
        lines.append(f"span {operation} {shape.kind} {shape.openinference}")
        lines += [f"  {key}" for key in shape.required]
    lines += [f"span {name} internal {kind}" for name, kind in names.OWN_SPANS.items()]
    for metric in names.METRICS:
        lines.append(f"metric {metric.name} {metric.instrument} {metric.unit}")
        lines += [f"  {label}" for label in metric.labels]
        if metric.buckets:
            lines.append("  " + " ".join(f"{bound:g}" for bound in metric.buckets))
    return "\n".join(lines) + "\n"


def test_names_are_the_agreed_ones() -> None:
    """Dashboards and alerts hang on them: a change is a change of `conventions.txt`, in review."""
    assert listed() == GOLDEN.read_text()


def test_no_other_module_spells_a_name() -> None:
    """Attribute and metric names of traces are constants: no text that begins `gen_ai.` or
    `openinference.` stands elsewhere, but for the conventions' metrics."""
    spelled: list[str] = []
    for file in (ROOT / "pointsman").rglob("*.py"):
        if file.name == "conventions.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if text.startswith(("gen_ai.", "openinference.")) and text not in names.BY_NAME:
                    spelled.append(f"{file}: {text}")
    assert spelled == []


def test_every_own_name_is_below_pointsman() -> None:
    """What the conventions do not have is ours, and says so."""
    for metric in names.METRICS:
        assert metric.name.startswith(("gen_ai.", "pointsman."))
        assert metric.buckets == tuple(sorted(set(metric.buckets)))
        assert len(set(metric.labels)) == len(metric.labels)
        assert not {names.RUN, names.TICKET, names.CONVERSATION} & set(metric.labels)


def test_providers_go_by_the_conventions_names() -> None:
    """Where a model's name says otherwise."""
    assert names.provider_name("bedrock") == "aws.bedrock"
    assert names.provider_name("openai") == "openai"

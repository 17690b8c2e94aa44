"""Partials: parts of the library that several prompts share."""

from pathlib import Path

import pytest

from pointsman.errors import PromptError
from pointsman.prompts.library import PromptLibrary
from pointsman.prompts.prompt import Prompt
from tests.prompts.folder import write

TONE = "---\ndescription: The tone.\nvariables: {mood: how it speaks}\n---\nBe {{ mood }}."


def got(folder: Path, name: str = "a") -> Prompt:
    """The prompt of that name in the folder."""
    return PromptLibrary([folder]).get(name)


def test_a_partial_is_put_in_and_brings_its_variables(tmp_path: Path) -> None:
    """The text stands where it is included; what it wants, the prompt wants."""
    write(tmp_path, "partials/tone", TONE)
    write(tmp_path, "a", 'Hi {{ who }}. {% include "partials/tone" %}')
    prompt = got(tmp_path)
    assert prompt.variables == ("who", "mood")
    assert prompt.variable("mood").description == "how it speaks"
    assert prompt.render({"who": "Ann", "mood": "kind"}) == "Hi Ann. Be kind."
    assert [part.name for part in prompt.partials] == ["partials/tone"]


def test_what_a_prompt_declares_wins_over_its_partial(tmp_path: Path) -> None:
    """A variable that only the partial uses may be declared by the prompt, with a default."""
    write(tmp_path, "partials/tone", TONE)
    front = "---\nvariables: {mood: {default: calm}}\n---\n"
    write(tmp_path, "a", front + '{% include "partials/tone" %}')
    assert got(tmp_path).render({}) == "Be calm."


def test_a_changed_partial_is_another_version(tmp_path: Path) -> None:
    """The version is of all that reaches the model; without partials it is the file's alone."""
    write(tmp_path, "partials/deep", "one")
    write(tmp_path, "partials/tone", '{% include "partials/deep" %}')
    write(tmp_path, "a", '{% include "partials/tone" %}')
    first = got(tmp_path).version
    assert first == got(tmp_path).version
    write(tmp_path, "partials/deep", "two")
    assert got(tmp_path).version != first


def test_the_users_partial_wins(tmp_path: Path) -> None:
    """A partial is found as a prompt is: the first folder has it."""
    first, second = tmp_path / "first", tmp_path / "second"
    write(first, "partials/tone", "mine")
    write(second, "partials/tone", "theirs")
    write(second, "a", '{% include "partials/tone" %}')
    assert PromptLibrary([first, second]).get("a").render({}) == "mine"


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_circle_is_refused(tmp_path: Path, length: int) -> None:
    """Partials that include each other are an error that names the way round."""
    for n in range(length):
        after = (n + 1) % length
        write(tmp_path, f"partials/p{n}", f'{{% include "partials/p{after}" %}}')
    write(tmp_path, "a", '{% include "partials/p0" %}')
    with pytest.raises(PromptError, match="go in a circle: partials/p0 includes") as caught:
        got(tmp_path)
    assert caught.value.rule == "partial-cycle"


def test_a_diamond_is_no_circle_and_is_read_once(tmp_path: Path) -> None:
    """Thirty levels, each included twice, are checked at once; the text is bounded."""
    for n in range(30):
        both = f'{{% include "partials/p{n + 1}" %}}' * 2
        write(tmp_path, f"partials/p{n}", both + "x" * 40)
    write(tmp_path, "partials/p30", "end")
    write(tmp_path, "a", '{% include "partials/p0" %}')
    prompt = got(tmp_path)
    assert len(prompt.partials) == 31
    with pytest.raises(PromptError, match="more than 1000000 characters"):
        prompt.render({})


def test_a_partial_says_nothing_of_models(tmp_path: Path) -> None:
    """Worked examples and hints belong to a prompt."""
    write(tmp_path, "partials/p", "---\nmodel: {tier: fast}\n---\ntext")
    write(tmp_path, "a", '{% include "partials/p" %}')
    with pytest.raises(PromptError, match="has examples or hints for a model"):
        got(tmp_path)


def test_a_partials_own_faults_name_its_file(tmp_path: Path) -> None:
    """A variable that the partial does not declare is told of the partial."""
    write(tmp_path, "partials/p", "---\nvariables: {}\n---\n{{ y }}")
    write(tmp_path, "a", '{% include "partials/p" %}')
    with pytest.raises(PromptError, match=r"partials/p\.md uses 'y' without declaring it"):
        got(tmp_path)


def test_a_link_out_of_the_folder_is_no_partial(tmp_path: Path) -> None:
    """No link makes a file from elsewhere part of a prompt."""
    outside = write(tmp_path / "outside", "secret", "text")
    inside = tmp_path / "prompts"
    (inside / "partials").mkdir(parents=True)
    (inside / "partials" / "p.md").symlink_to(outside)
    write(inside, "a", '{% include "partials/p" %}')
    with pytest.raises(PromptError, match="leaves"):
        got(inside)


def test_a_value_of_the_prompt_is_text_in_a_partial_too(tmp_path: Path) -> None:
    """Braces in a value are not a template there either."""
    write(tmp_path, "partials/p", "{{ x }}")
    write(tmp_path, "a", '{% include "partials/p" %}')
    assert got(tmp_path).render({"x": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"

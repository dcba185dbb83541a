"""Joined scripts and styles do what their modules do."""

from pathlib import Path

import pytest

from ui.media.joining import join_scripts, join_styles


def write(folder: Path, **modules: str) -> None:
    for name, source in modules.items():
        (folder / f"{name}.js").write_text(source)


def test_a_module_comes_after_what_it_imports_and_only_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        page='import "./left.js";\nimport { one as first } from "./base.js";\nfirst();\n',
        left='import {\n  one,\n  Two,\n} from "./base.js";\nexport const left = one;\n',
        base="const own = 1;\nexport function one() { return own; }\nexport class Two {}\n"
        "export async function three() {}\n",
    )
    joined = join_scripts(tmp_path, "page")
    assert joined.count("const own = 1;") == 1
    assert joined.index("const base_js") < joined.index("const left_js") < joined.index("page_js")
    assert "return { one, Two, three };" in joined
    assert "const { one: first } = base_js;" in joined
    assert "import" not in joined and "export" not in joined


@pytest.mark.parametrize(
    "source",
    ['import thing from "elsewhere";\n', "export let changing = 1;\n", "export default 1;\n"],
)
def test_what_can_t_be_joined_is_refused(tmp_path: Path, source: str) -> None:
    write(tmp_path, page=source)
    with pytest.raises(ValueError, match="page.js can't be joined"):
        join_scripts(tmp_path, "page")


def test_modules_that_import_each_other_are_refused(tmp_path: Path) -> None:
    write(tmp_path, page='import "./other.js";\n', other='import "./page.js";\n')
    with pytest.raises(ValueError, match="page, other"):
        join_scripts(tmp_path, "page")


def test_styles_keep_their_order(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / f"{name}.css").write_text(f".{name} {{}}\n")
    joined = join_styles(tmp_path, ("second", "first"))
    assert joined.index(".second {}") < joined.index(".first {}")

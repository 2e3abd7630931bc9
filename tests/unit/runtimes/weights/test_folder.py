"""Importing a folder: checked first, then there in one step, and never over somebody's files."""

from pathlib import Path

import pytest

from kaito.runtimes.weights.errors import FolderInvalid
from kaito.runtimes.weights.folder import import_folder
from kaito.runtimes.weights.manifest import is_complete


def test_an_imported_folder_is_complete_and_uses_no_space_twice(
    model: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    import_folder(root, "phi", model, architecture="Phi3ForCausalLM")
    assert is_complete(root / "phi")
    source, target = model / "model.safetensors", root / "phi" / "model.safetensors"
    assert source.stat().st_ino == target.stat().st_ino
    assert [path.name for path in root.iterdir()] == ["phi"]


def test_importing_again_replaces_what_was_there(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    import_folder(root, "phi", model)
    (model / "extra.txt").write_text("new")
    import_folder(root, "phi", model)
    assert (root / "phi" / "extra.txt").read_text() == "new"


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", "no *.safetensors"),
        ("tokenizer.json", "no tokenizer"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused_by_name(
    model: Path, tmp_path: Path, file: str, complaint: str
) -> None:
    (model / file).unlink()
    with pytest.raises(FolderInvalid) as caught:
        import_folder(tmp_path / "root", "phi", model)
    assert complaint in str(caught.value)
    assert not (tmp_path / "root").exists()


def test_a_link_to_what_is_gone_and_a_tokenizer_that_was_cut_are_named(
    model: Path, tmp_path: Path
) -> None:
    (model / "tokenizer.json").write_text('{"model": {"vocab":')
    with pytest.raises(FolderInvalid, match=r"tokenizer\.json is cut or no tokenizer"):
        import_folder(tmp_path / "root", "phi", model)
    (model / "tokenizer.json").write_text("{}")
    (model / "model.safetensors").unlink()
    (model / "model.safetensors").symlink_to(tmp_path / "gone")
    with pytest.raises(
        FolderInvalid, match=r"model\.safetensors is a link to .*/gone, which is not"
    ):
        import_folder(tmp_path / "root", "phi", model)


def test_leave_to_take_pickles_is_no_leave_to_take_nothing(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").unlink()
    with pytest.raises(FolderInvalid, match=r"no \*\.safetensors file"):
        import_folder(tmp_path / "root", "phi", model, allow_pickle=True)


def test_another_architecture_is_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(FolderInvalid, match="Phi3ForCausalLM, where LlamaForCausalLM is expected"):
        import_folder(tmp_path / "root", "phi", model, architecture="LlamaForCausalLM")


def test_files_that_kaito_did_not_put_there_are_kept(model: Path, tmp_path: Path) -> None:
    mine = tmp_path / "root" / "phi" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    with pytest.raises(FolderInvalid, match="did not put there"):
        import_folder(tmp_path / "root", "phi", model)
    assert mine.read_text() == "precious"


def test_a_symbolic_link_is_followed(model: Path, tmp_path: Path) -> None:
    content = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").rename(tmp_path / "blob")
    (model / "model.safetensors").symlink_to(tmp_path / "blob")
    import_folder(tmp_path / "root", "phi", model)
    target = tmp_path / "root" / "phi" / "model.safetensors"
    assert not target.is_symlink()
    assert target.read_bytes() == content

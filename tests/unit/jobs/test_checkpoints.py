"""Deleting the checkpoints of trained models: nothing outside their folder, whatever a file says."""

import json

import pytest

from touchline.core.problems import InputError
from touchline.jobs import attempts, checkpoints, training_lock


@pytest.fixture
def trained(tmp_path):
    """Folders of models and of checkpoints, and one beside them that nobody may delete."""
    for folder in ("results/models/x", "results/checkpoints/0123456789abcdef", "precious"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").write_text("kept")
    return tmp_path


def drop(folder, content: str) -> None:
    (folder / "results/models/x/trained_on.json").write_text(content)
    checkpoints.drop_checkpoints(folder / "results/models", folder / "results/checkpoints")


def test_the_checkpoints_of_a_trained_model_are_deleted(trained):
    drop(trained, json.dumps({"checkpoints": "0123456789abcdef"}))
    assert list((trained / "results/checkpoints").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["{0}/precious", "../../precious", "..", ".", "./", "a/../../../precious", "link", "link/precious",
     "\0", "\ud800", "n" * 5000, "//", "0123456789abcdef/../../.."],
)  # fmt: skip
def test_a_name_read_from_a_file_never_deletes_anything_else(trained, name, capsys):
    (trained / "results/checkpoints/link").symlink_to(trained)
    drop(trained, json.dumps({"checkpoints": name.replace("{0}", str(trained))}))
    assert (trained / "precious/file").read_text() == "kept"
    assert (trained / "results/models/x/file").read_text() == "kept"
    assert (trained / "results/checkpoints/0123456789abcdef/file").read_text() == "kept"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"checkpoints": 3}', "[" * 100_000, "\xff", '"' + "x" * 10_000]
)
def test_a_damaged_record_is_told_and_its_checkpoints_stay(trained, content, capsys):
    drop(trained, content)
    assert (trained / "results/checkpoints/0123456789abcdef/file").is_file()
    told = capsys.readouterr().err
    assert "results/models/x/trained_on.json: " in told
    assert "Nothing is lost" in told
    assert len(told) < 600


def sealed(folder):
    written = folder / "writing" / f"{checkpoints.NAME}3"
    written.mkdir(parents=True)
    (written / "weights").write_text("3")
    return checkpoints.seal(written, folder)


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"weights": 1}', '{"weights": [1]}', '{"../outside": [0, "x"]}', "[" * 100_000,
     '{"/etc/passwd": [0, "x"]}', '{"%s": [0, "x"]}' % ("n" * 5000)],
)  # fmt: skip
def test_a_checkpoint_with_a_damaged_list_is_passed_over(tmp_path, content, capsys):
    checkpoint = sealed(tmp_path)
    assert checkpoints.newest(tmp_path) == checkpoint
    (checkpoint / checkpoints.LIST).write_text(content)
    assert checkpoints.newest(tmp_path) is None
    assert "complete.json is not readable, so the checkpoint before it is used" in (
        capsys.readouterr().err
    )


DAMAGES = ["", "{", "3", "[3]", '[{"job": 3}]', '{"job": []}', "[" * 100_000, b"\xff\xfe\x00"]


@pytest.mark.parametrize("content", DAMAGES)
def test_damaged_attempts_are_named_with_what_deleting_them_costs(tmp_path, content):
    (tmp_path / attempts.NAME).write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    with pytest.raises(InputError, match=r"attempts\.json: .*Delete it\. The record of the att"):
        attempts.begin(tmp_path)


@pytest.mark.parametrize("content", DAMAGES)
def test_a_damaged_holder_is_named_with_what_deleting_it_costs(tmp_path, content):
    path = tmp_path / training_lock.NAME
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with (
        pytest.raises(InputError, match=r"holder\.json: .*Delete it\. Nothing is lost"),
        training_lock.hold(tmp_path),
    ):
        pass

"""`touchline publish`: the card of a model, a training set without videos, and the upload."""

import json
import os
import subprocess
import sys

import pytest
import yaml

import hub_server
from touchline.core.problems import InputError
from touchline.models import shipped_bases
from touchline.models.words import tcn_weights
from touchline.report import publish

METRICS = """\
model,protocol,matching,action,samples,events,predictions,tp,fp,fn,precision,recall,f1,f1_low,f1_high
constant,full,many,all,10,4,5,1,4,3,0.2,0.25,0.2222,0.1,0.3
linear,full,many,all,10,4,5,2,3,2,0.4,0.5,0.4444,0.3,0.6
linear,full,one,all,10,4,5,2,3,2,0.4,0.5,0.4444,0.3,0.6
other,full,many,all,10,4,5,2,3,2,0.4,0.5,0.4444,0.3,0.6
"""


@pytest.fixture
def model(tmp_path):
    """The folder of a trained model in a study's results."""
    folder = tmp_path / "results/models/linear"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "model.json").write_text("{}")
    (folder / "attempts.json").write_text('[{"node": "secret-host"}]')
    settings = {"base": "org/base", "seed": 3}
    made_from = {"backend": "vlm", "settings": settings, "matches": ["a", "b"], "checkpoints": "k"}
    (folder / "trained_on.json").write_text(json.dumps(made_from))
    (tmp_path / "results/metrics.csv").write_text(METRICS)
    record = {"commit": "abc", "python": "3.11", "packages": {"numpy": "2.4"}, "made": {}}
    (tmp_path / "results/provenance.json").write_text(json.dumps(record))
    return folder


def test_a_dry_run_writes_weights_and_a_card_with_scores_and_baseline(model, tmp_path, capsys):
    out = tmp_path / "out"
    publish.main([str(model), "--to", "me/linear", "--dry-run", str(out)])
    assert (out / "model.safetensors").read_bytes() == b"weights"
    assert not (out / "attempts.json").exists()  # it names machines
    card = (out / "README.md").read_text()
    _, header, body = card.split("---\n", 2)
    assert yaml.safe_load(header)["base_model"] == "org/base"
    rows = [line for line in body.splitlines() if line.startswith("| all")]
    assert rows == [
        "| all | linear | 4 | 0.4000 | 0.5000 | 0.4444 | 0.3000–0.6000 |",
        "| all | constant | 4 | 0.2000 | 0.2500 | 0.2222 | 0.1000–0.3000 |",
    ]
    assert "trained on 2 matches" in body
    assert '"seed": 3' in body
    assert "- commit of the code: abc" in body
    assert "- numpy 2.4" in body
    entry = yaml.safe_load(body.partition("```yaml")[2].partition("```")[0])
    given = {"backend": "vlm", "weights": "hub:me/linear", "base": "org/base"}
    assert entry == {"models": {"linear": given}}


def test_a_model_that_was_not_scored_says_so(model, tmp_path):
    (tmp_path / "results/metrics.csv").unlink()
    publish.main([str(model), "--to", "me/linear", "--dry-run", str(tmp_path / "out")])
    assert "has not been scored" in (tmp_path / "out/README.md").read_text()


def test_a_dry_run_never_replaces_a_folder(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    for out in ("mine", "."):
        with pytest.raises(InputError, match="is there already"):
            publish.main([str(model), "--to", "me/linear", "--dry-run", out])
    assert (tmp_path / "mine/notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("models/linear/trained_on.json", '{"settings": 5}', "has no settings"),
        ("models/linear/trained_on.json", '{"settings": {}, "backend": "fused"}', "joins the answers"),
        ("metrics.csv", "model,action\n", "is no table of scores"),
        ("metrics.csv", "", "is no table of scores"),
        ("provenance.json", '{"made": []}', "is no record of provenance"),
    ],
)  # fmt: skip
def test_a_damaged_study_is_an_input_error(model, tmp_path, name, content, text):
    (tmp_path / "results" / name).write_text(content)
    with pytest.raises(InputError, match=text):
        publish.main([str(model), "--to", "me/linear", "--dry-run", str(tmp_path / "out")])


@pytest.mark.parametrize("videos", [5, None, [5]])
def test_samples_of_another_form_are_an_input_error(tmp_path, videos):
    (tmp_path / "x.json").write_text(json.dumps([{"conversations": [], "videos": videos}]))
    with pytest.raises(InputError, match="is no training set"):
        publish.main([str(tmp_path / "x.json"), "--to", "a/b", "--dry-run", str(tmp_path / "out")])


def _exported(path):
    sample = {"id": "a/1/000/goal", "system": "s", "conversations": [], "video": "x"}
    sample["videos"] = ["/home/me/results/chunks/a/1/000.mkv"]
    path.write_text(json.dumps([sample]))
    return path


def test_a_training_set_is_published_without_videos_and_local_paths(tmp_path):
    source = _exported(tmp_path / "train.json")
    publish.main([str(source), "--to", "me/train", "--dry-run", str(tmp_path / "out")])
    (sample,) = json.loads((tmp_path / "out/train.json").read_text())
    assert (sample["videos"], sample["video"]) == (["a/1/000.mkv"], "a/1/000.mkv")
    assert "1 samples of 1 matches" in (tmp_path / "out/README.md").read_text()


@pytest.mark.parametrize(
    ("source", "name", "text"),
    [
        (".", "me/x", "has no weights"), ("none.json", "me/x", "cannot be read"),
        (".", "not a name", "is no name of a repository"),
    ],
)  # fmt: skip
def test_what_cannot_be_published_is_an_input_error(tmp_path, monkeypatch, source, name, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=text):
        publish.main([source, "--to", name, "--dry-run", "out"])
    assert not (tmp_path / "out").exists()


def test_the_hubs_own_client_uploads_a_private_repository(model, tmp_path):
    with hub_server.serve(hub_server.Hub({})) as hub:
        environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")}
        command = [sys.executable, "-m", "touchline", "publish", str(model), "--to", "me/linear"]

        def run(token):
            return subprocess.run(
                command, env=environment | {"HF_TOKEN": token}, capture_output=True, text=True
            )

        refused = run("hf_other")
        assert (refused.returncode, hub.created) == (2, [])
        assert refused.stderr.startswith(f"error: {hub.url}: me/linear cannot be written")
        done = run(hub.TOKEN)
    assert (done.returncode, done.stdout) == (0, f"{hub.url}/me/linear\n"), done.stderr
    assert hub.created[0]["visibility"] == "private"
    files = hub.uploaded["models/me/linear"]
    assert files["model.safetensors"] == b"weights"
    assert set(files) == {"README.md", "model.json", "model.safetensors", "trained_on.json"}


def test_a_published_network_is_loaded_by_its_name(tmp_path):
    """`weights: hub:user/name` fetches the files of a model, here of the shipped one."""
    shipped = shipped_bases.TRAINED["touchline:commentary"]
    files = {name: (shipped / name).read_bytes() for name in tcn_weights.FILES}
    script = (
        "from touchline.models.words import tcn; import sys\n"
        "print(tcn.load({'weights': sys.argv[1]}, None).description.outputs)"
    )
    with hub_server.serve(hub_server.Hub({("me/words", "main"): files})) as hub:
        environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")}

        def run(name):
            command = [sys.executable, "-c", script, name]
            return subprocess.run(command, env=environment, capture_output=True, text=True)

        assert "'Kick-off'" in (loaded := run("hub:me/words")).stdout, loaded.stderr
        assert "hub:me/other cannot be had from the hub" in run("hub:me/other").stderr

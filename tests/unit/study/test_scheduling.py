"""What Snakemake's scheduler is told: no limit to the rate of jobs, and trainings first."""

import subprocess
from types import SimpleNamespace

import pytest

from project import ENVIRONMENT, PYTHON
from touchline.core.config import complete
from touchline.study.library_internals import LOOKS
from touchline.study.plan import Plan

SNAKEFILE = """
import threading
from touchline.study.library_internals import lighten_scheduler

onstart:
    lighten_scheduler(workflow)

onsuccess:
    timers = [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
    print("timers:", len(timers))

rule all:
    input: expand("out/{number}", number=range(4))

rule touch:
    output: "out/{number}"
    shell: "touch {output}"
"""


@pytest.mark.parametrize(("options", "timers"), [((), False), (("50/2s",), True)])
def test_no_timer_looks_at_the_queue_again_unless_the_user_sets_a_limit(options, timers, tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    command = [PYTHON, "-m", "snakemake", "--cores", "1"]
    command += [f"--max-jobs-per-timespan={limit}" for limit in options]
    run = subprocess.run(
        command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in run.stdout.splitlines() if line.startswith("timers: ")]
    assert (line != "timers: 0") == timers


ORDER = """
from touchline.study.library_internals import lighten_scheduler

onstart:
    lighten_scheduler(workflow)

rule all:
    input: expand("{part}/{number}", part=["early", "late"], number=range(40))

rule early:
    output: "early/{number}"
    priority: 1
    shell: "echo early >> order; touch {output}"

rule late:
    output: "late/{number}"
    shell: "echo late >> order; touch {output}"
"""


def test_of_many_ready_jobs_those_of_higher_priority_are_started_first(tmp_path):
    (tmp_path / "Snakefile").write_text(ORDER)
    command = [PYTHON, "-m", "snakemake", "--cores", "1", "--scheduler", "greedy"]
    subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=True)
    assert (tmp_path / "order").read_text().split() == ["early"] * 40 + ["late"] * 40


NEWLY_READY = """
from touchline.study.library_internals import lighten_scheduler

onstart:
    lighten_scheduler(workflow)

rule all:
    input: "training", expand("light/{number}", number=range(130))

rule data:
    output: "data"
    priority: 2
    shell: "touch {output}"

rule training:
    input: "data"
    output: "training"
    priority: 1
    shell: "echo training >> order; touch {output}"

rule light:
    output: "light/{number}"
    shell: "echo light >> order; touch {output}"
"""


def test_a_job_of_high_priority_that_becomes_ready_starts_before_most_of_those_that_wait(tmp_path):
    (tmp_path / "Snakefile").write_text(NEWLY_READY)
    command = [PYTHON, "-m", "snakemake", "--cores", "1", "--scheduler", "greedy"]
    subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=True)
    order = (tmp_path / "order").read_text().split()
    assert len(order) == 131
    assert order.index("training") <= LOOKS


SCARCE = """
from touchline.study.library_internals import lighten_process, lighten_scheduler

lighten_process()

onstart:
    lighten_scheduler(workflow)

rule all:
    input: expand("asked/{number}", number=range(3)), expand("light/{number}", number=range(3))

rule asked:
    output: "asked/{number}"
    priority: 1
    resources: api=1
    benchmark: "asked/{number}.tsv"
    shell: "echo asked >> order; sleep 1; touch {output}"

rule light:
    output: "light/{number}"
    benchmark: "light/{number}.tsv"
    shell: "echo light >> order; touch {output}"
"""


def test_jobs_that_wait_for_a_scarce_resource_keep_no_core_from_others(tmp_path):
    (tmp_path / "Snakefile").write_text(SCARCE)
    command = [PYTHON, "-m", "snakemake", "--cores", "2", "--resources", "api=1"]
    command += ["--scheduler", "greedy"]
    subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=True)
    order = (tmp_path / "order").read_text().split()
    assert order.count("asked") == order.count("light") == 3
    assert "light" in order[: order.index("asked", order.index("asked") + 1)]

    asked, light = (
        min(
            path.read_text().splitlines()[1].split("\t") for path in (tmp_path / rule).glob("*.tsv")
        )
        for rule in ("asked", "light")
    )
    assert float(asked[0]) >= 1
    assert float(asked[2]) > 0  # memory, of a job that is there when it is measured
    assert light[2] == "NA" or float(light[0]) > 0.5


def study(tmp_path, compare: list[str]) -> Plan:
    """Return the plan of a study of a train match with labels, one without, and a valid match."""
    rows = ["match,split,half,video,commentary,labels,duration_s"]
    (tmp_path / "labels.json").write_text('{"annotations": []}')
    rows += [
        f"trained,train,1,,,{tmp_path}/labels.json,600",
        "unlabelled,train,1,,,,600",
        "other,valid,1,,,,600",
    ]
    sheet = tmp_path / "matches.csv"
    sheet.write_text("\n".join(rows) + "\n")
    return Plan(complete({"sheet": str(sheet), "compare": compare}))


def test_what_a_training_waits_for_has_priority(tmp_path):
    plan = study(tmp_path, ["constant", "linear"])
    priorities = {
        match: plan.training_priority(SimpleNamespace(match=match)) for match in plan.matches
    }
    assert priorities == {"trained": 1, "unlabelled": 0, "other": 0}
    untrained = study(tmp_path, ["constant"])
    assert untrained.training_priority(SimpleNamespace(match="trained")) == 0


def test_linear_is_trained_on_one_thread_and_the_networks_of_tcn_side_by_side(tmp_path):
    plan = study(tmp_path, ["linear", "tcn"])
    threads = {model: plan.training_threads(SimpleNamespace(model=model)) for model in plan.models}
    assert threads == {"linear": 1, "tcn": 2}

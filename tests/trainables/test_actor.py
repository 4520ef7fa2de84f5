"""An actor trains one population after the other."""

from dataclasses import replace

import pytest

from tests.support.population_trials import reports, small_population, trainable
from trainables.data import OWN_DATA, load
from trainables.tasks.own import OwnTask
from trainables.tasks.sbn import SBN

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def config(tmp_path):
    return small_population(tmp_path)


def test_an_actor_is_reused_for_the_next_population(config):
    made = trainable(config)
    reports(made, 1)
    other = replace(config, trials=config.trials[1:], checkpoint=config.checkpoint + ".other")
    assert made.reset_config(other.to_tune())
    assert reports(made, 1)[0].rows.keys() == {5}


@pytest.mark.parametrize("brought", [False, True])
def test_an_actor_has_one_dataset_for_all_of_its_populations(config, brought):
    prepared, built_on = [], []

    class Noted(SBN):
        @classmethod
        def prepared(cls, dataset):
            prepared.append(super().prepared(dataset))
            return prepared[-1]

        def __init__(self, dataset, options):
            super().__init__(dataset, options)
            built_on.append(dataset)

    config = replace(config, dataset=OWN_DATA) if brought else config
    own = OwnTask(Noted, load("digits", "") if brought else None)
    made = trainable(config)
    made.setup(config.to_tune(), own=own)
    reports(made, 1)
    for n in range(2):
        assert made.reset_config(replace(config, checkpoint=f"{config.checkpoint}.{n}").to_tune())
        reports(made, 1)
    assert len(prepared) == 1
    assert [dataset is prepared[0] for dataset in built_on] == [True] * 3


def test_rays_dashboard_is_told_which_study_and_trials_an_actor_trains(config, capsys):
    name = "population 2: trials 3, 5 on 2 seeds"
    made = trainable(replace(config, study="first · abc", name=name, epochs=2, intervals=2))
    assert repr(made) == "populations of first · abc"
    reports(made, 1)
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"first · abc · {name} · starts",
        f"first · abc · {name} · report 1 of 2, epoch 1",
    ]

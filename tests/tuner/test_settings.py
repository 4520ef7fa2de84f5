"""Settings are read from the environment; a wrong one is refused in a sentence that names the variable."""

import os
from pathlib import Path

import pytest

from api.settings import ClientSettings, ServiceSettings
from tuner.errors import UserError
from tuner.ledger.store import Ledger
from tuner.settings import Settings


@pytest.fixture(autouse=True)
def _none_but_the_tests(monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith("TUNER_")]:
        monkeypatch.delenv(name)


def test_settings_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TUNER_HOME", str(tmp_path))
    monkeypatch.setenv("TUNER_DATA", "")
    monkeypatch.setenv("TUNER_DEVICES", "  ")
    monkeypatch.setenv("TUNER_HUNG_AFTER_S", " 7.5 ")
    monkeypatch.setenv("TUNER_PORT", "0")
    settings = ServiceSettings.from_environment()
    assert (settings.home_folder, settings.data_folder) == (tmp_path, tmp_path / "data")
    assert settings.ledger_address == f"sqlite:///{tmp_path}/ledger.db"
    assert (settings.devices, settings.hung_after_s, settings.port) == (None, 7.5, 0)
    monkeypatch.setenv("TUNER_LEDGER_URL", "postgresql://somewhere/tuner")
    assert Settings.from_environment().ledger_address == "postgresql://somewhere/tuner"


def test_only_from_environment_reads_the_environment(monkeypatch):
    monkeypatch.setenv("TUNER_MAX_RUNNING", "7")
    assert (Settings().max_running, Settings.from_environment().max_running) == (2, 7)
    assert Settings(home=Path("there")).home == Path("there")


def test_a_client_reads_its_own(monkeypatch):
    assert ClientSettings.from_environment() == ClientSettings(server=None, api_key=None)
    monkeypatch.setenv("TUNER_SERVER", "http://127.0.0.1:8000")
    monkeypatch.setenv("TUNER_API_KEY", "secret")
    assert ClientSettings.from_environment() == ClientSettings(
        server="http://127.0.0.1:8000", api_key="secret"
    )


@pytest.mark.parametrize(
    ("variable", "text", "sentence"),
    [
        ("DEVICE", "tpu", "TUNER_DEVICE must be cuda or cpu, got 'tpu'"),
        ("DEVICES", "0", "TUNER_DEVICES must be 1 or more, got '0'"),
        ("DEVICES", "many", "TUNER_DEVICES must be a whole number, 0 or more, got 'many'"),
        ("MAX_RUNNING", "-1", "TUNER_MAX_RUNNING must be a whole number, 0 or more, got '-1'"),
        ("MAX_RUNNING", "1e3", "TUNER_MAX_RUNNING must be a whole number, 0 or more, got '1e3'"),
        ("MAX_RUNNING", "٣", "TUNER_MAX_RUNNING must be a whole number, 0 or more, got '٣'"),
        ("MAX_RUNNING", "9" * 13, f"TUNER_MAX_RUNNING must be a whole number, 0 or more, got '{'9' * 13}'"),
        ("MAX_TRIALS", "0", "TUNER_MAX_TRIALS must be 1 or more, got '0'"),
        ("GPUS_PER_POPULATION", "2", "TUNER_GPUS_PER_POPULATION must be 0, or from 0.01 to 1, got '2'"),
        ("GPUS_PER_POPULATION", "0.001", "TUNER_GPUS_PER_POPULATION must be 0, or from 0.01 to 1"),
        ("LEDGER_PATIENCE_S", "nan", "TUNER_LEDGER_PATIENCE_S must be a number, 0 or more, got 'nan'"),
        ("LEDGER_PATIENCE_S", "x" * 500, f"0 or more, got {'x' * 80!r}"),
        ("PORT", "70000", "TUNER_PORT must be from 0 to 65535, got '70000'"),
        ("LOG_FORMAT", "xml", "TUNER_LOG_FORMAT must be text or json, got 'xml'"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_variable(monkeypatch, variable, text, sentence):
    monkeypatch.setenv(f"TUNER_{variable}", text)
    with pytest.raises(UserError) as refused:
        ServiceSettings.from_environment()
    assert sentence in str(refused.value)
    assert str(refused.value).count("TUNER_") == 1


def test_a_gpu_is_needed_for_cuda():
    with pytest.raises(UserError, match="TUNER_GPUS_PER_POPULATION must be above 0 where TUNER_DEVICE is"):
        Settings(device="cuda", gpus_per_population=0)
    assert Settings(device="cpu", gpus_per_population=0).gpus_per_population == 0


def test_every_wrong_variable_is_told(monkeypatch):
    monkeypatch.setenv("TUNER_DEVICE", "tpu")
    monkeypatch.setenv("TUNER_DEVICES", "x")
    with pytest.raises(UserError, match=r"TUNER_DEVICE must be .*; TUNER_DEVICES must be "):
        Settings.from_environment()


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings().home = Path("elsewhere")


@pytest.mark.parametrize("name", ["home", "data"])
def test_a_home_folder_of_nobody_is_told(name):
    settings = Settings(**{name: Path("~nosuchuser/x")})
    with pytest.raises(
        UserError, match=f"TUNER_{name.upper()} is '~nosuchuser/x': there is no such home folder"
    ):
        getattr(settings, f"{name}_folder")


@pytest.mark.parametrize("name", ["a%2Fb", "a?b=c", "a#b", "a b", "ä", "%", "a%25", "a&b;c", "it's"])
def test_a_ledger_is_made_in_a_folder_of_any_name(tmp_path, name):
    settings = Settings(home=tmp_path / name)
    ledger = Ledger(settings.ledger_address)
    ledger.close()
    assert (tmp_path / name / "ledger.db").is_file()
    assert [p.name for p in tmp_path.iterdir()] == [name]

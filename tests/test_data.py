"""The datasets: sizes, disjoint splits, and what is said when a file is missing or damaged."""

import os
import socket
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from trainables.data import DATASETS, DataError, load

FOLDER = Path(os.environ.get("TUNER_DATA") or Path(__file__).parents[2] / "shared" / "data")
CLASS_NAMES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}
FILES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_args, **_keywords):
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture(params=CLASS_NAMES)
def real(request):
    """The name of a dataset whose four files are here."""
    missing = [file for file in FILES if not (raw(FOLDER, request.param) / file).is_file()]
    if missing:
        pytest.skip(f"{raw(FOLDER, request.param)} has no {missing[0]}; set TUNER_DATA to the folder that has the datasets")
    return request.param


def raw(folder, name):
    return folder / CLASS_NAMES[name] / "raw"


def examples(*splits):
    """Every example of some splits and how often it occurs: {(pixels, label): number}."""
    count = Counter()
    for split in splits:
        count.update(zip(map(bytes, split.inputs.numpy()), split.labels.tolist(), strict=True))
    return count


def written(folder, name, part):
    """The examples in a part's files, read without torchvision."""
    images = np.fromfile(raw(folder, name) / f"{part}-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 784)
    labels = np.fromfile(raw(folder, name) / f"{part}-labels-idx1-ubyte", np.uint8)[8:]
    return Counter(zip(map(bytes, images), labels.tolist(), strict=True))


def check_form(dataset, sizes, features):
    splits = (dataset.train, dataset.validation, dataset.test)
    assert tuple(map(len, splits)) == sizes
    assert (dataset.classes, dataset.features) == (10, features)
    assert max(int(s.inputs.max()) for s in splits) == dataset.largest
    for split in splits:
        assert (split.inputs.dtype, split.labels.dtype) == (torch.uint8, torch.int64)
        assert split.inputs.shape == (len(split), features)
        assert split.labels.unique().tolist() == list(range(10))


def test_digits_are_three_splits_of_bytes():
    check_form(load("digits", "not used"), sizes=(1197, 300, 300), features=64)


def test_digits_splits_are_a_partition_of_scikit_learns():
    from sklearn.datasets import load_digits

    digits = load("digits", "not used")
    pixels, labels = load_digits(return_X_y=True)
    # No image occurs twice in digits, so a partition is disjoint in its images as well.
    every = examples(digits.train, digits.validation, digits.test)
    assert every == Counter(zip(map(bytes, pixels.astype(np.uint8)), labels.tolist(), strict=True))
    assert max(every.values()) == 1


def test_digits_are_split_the_same_way_every_time():
    torch.manual_seed(1)
    first = load("digits", "here")
    torch.manual_seed(2)
    second = load("digits", Path("there"))
    for split in ("train", "validation", "test"):
        assert torch.equal(getattr(first, split).inputs, getattr(second, split).inputs)
        assert torch.equal(getattr(first, split).labels, getattr(second, split).labels)


def test_real_datasets_keep_their_test_set_and_split_their_training_set(real):
    dataset = load(real, FOLDER)
    check_form(dataset, sizes=(55_000, 5_000, 10_000), features=784)
    # As multisets, since Fashion-MNIST itself has a few images twice: nothing is lost, doubled or moved between the parts.
    assert examples(dataset.train, dataset.validation) == written(FOLDER, real, "train")
    assert examples(dataset.test) == written(FOLDER, real, "t10k")


def test_an_unknown_dataset_is_an_error_that_lists_those_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"dataset must be one of .* Got 'cifar'") as caught:
        load("cifar", tmp_path)
    assert all(name in str(caught.value) for name in DATASETS)


def without(file, name, folder):
    """A data folder in which one file is missing and the others are there (empty: what is missing is found first)."""
    raw(folder, name).mkdir(parents=True)
    for other in FILES:
        if other != file:
            (raw(folder, name) / other).touch()


@pytest.mark.parametrize("missing", FILES)
@pytest.mark.parametrize("name", CLASS_NAMES)
def test_a_missing_file_without_a_network_is_named_with_its_folder_and_what_to_do(tmp_path, name, missing):
    without(missing, name, tmp_path)
    with pytest.raises(DataError) as caught:
        load(name, tmp_path)
    message = str(caught.value)
    assert all(part in message for part in (name, missing, str(raw(tmp_path, name)), f"folder to {tmp_path},", "TUNER_DATA"))
    assert "\n" not in message


@pytest.mark.parametrize("reason", [OSError("disk full"), RuntimeError("disk full\non all mirrors"), TimeoutError()], ids=repr)
def test_a_failed_downloads_reason_is_told_in_one_line(monkeypatch, tmp_path, reason):
    from torchvision import datasets

    def fail(_self):
        raise reason

    monkeypatch.setattr(datasets.MNIST, "download", fail)
    with pytest.raises(DataError, match="could not be downloaded") as caught:
        load("mnist", tmp_path)
    assert str(reason).partition("\n")[0] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damaged", ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("change", ["a byte", "the end"])
def test_a_damaged_file_is_named(tmp_path, real, damaged, change):
    raw(tmp_path, real).mkdir(parents=True)
    for file in FILES:
        (raw(tmp_path, real) / file).symlink_to((raw(FOLDER, real) / file).resolve())
    content = bytearray((raw(FOLDER, real) / damaged).read_bytes())
    if change == "a byte":
        content[5000] ^= 1
    else:
        del content[-1]
    (raw(tmp_path, real) / damaged).unlink()
    (raw(tmp_path, real) / damaged).write_bytes(content)
    with pytest.raises(DataError, match=rf"the file {damaged} in .* is damaged") as caught:
        load(real, tmp_path)
    assert str(raw(tmp_path, real)) in str(caught.value)

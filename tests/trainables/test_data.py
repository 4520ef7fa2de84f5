"""The datasets: sizes, disjoint splits, and what is said when a file is missing or damaged."""

import pickle
import re
import socket
import string
from collections import Counter
from dataclasses import fields
from hashlib import md5
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from tests.support.paths import DATA
from tests.support.splits import check_same, examples
from trainables.data import DATASETS, DataError, check_options, load, originals

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
    missing = [file for file in FILES if not (raw(DATA, request.param) / file).is_file()]
    if missing:
        pytest.skip(
            f"{raw(DATA, request.param)} has no {missing[0]}; set TUNER_DATA to the folder that has the "
            "datasets"
        )
    return request.param


def raw(folder, name):
    return folder / CLASS_NAMES[name] / "raw"


def written(folder, name, part):
    """The examples in a part's files, read without torchvision."""
    images = np.fromfile(raw(folder, name) / f"{part}-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 784)
    labels = np.fromfile(raw(folder, name) / f"{part}-labels-idx1-ubyte", np.uint8)[8:]
    return Counter(zip(map(bytes, images), labels.tolist(), strict=True))


def check_form(dataset, sizes, shape):
    splits = (dataset.train, dataset.validation, dataset.test)
    features = prod(shape)
    assert tuple(map(len, splits)) == sizes
    assert (dataset.classes, dataset.shape, dataset.features) == (10, shape, features)
    assert max(int(s.inputs.max()) for s in splits) == dataset.largest
    for split in splits:
        assert (split.inputs.dtype, split.labels.dtype) == (torch.uint8, torch.int64)
        assert split.inputs.shape == (len(split), features)
        assert split.labels.unique().tolist() == list(range(10))


def test_digits_are_three_splits_of_bytes():
    check_form(load("digits", "not used"), sizes=(1197, 300, 300), shape=(1, 8, 8))


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
    check_same(first, load("digits", Path("there")))


def test_a_dataset_on_a_device_is_the_same_dataset():
    digits = load("digits", "not used")
    moved = digits.to("meta")
    assert {s.inputs.device.type for s in (moved.train, moved.validation, moved.test)} == {"meta"}
    splits = {"train", "validation", "test"}
    assert all(
        getattr(moved, f.name) == getattr(digits, f.name) for f in fields(digits) if f.name not in splits
    )


def test_real_datasets_keep_their_test_set_and_split_their_training_set(real):
    dataset = load(real, DATA)
    check_form(dataset, sizes=(55_000, 5_000, 10_000), shape=(1, 28, 28))
    # As multisets, since Fashion-MNIST itself has a few images twice: nothing is lost, doubled or moved
    # between the parts.
    assert examples(dataset.train, dataset.validation) == written(DATA, real, "train")
    assert examples(dataset.test) == written(DATA, real, "t10k")


def test_an_unknown_dataset_is_an_error_that_lists_those_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"dataset must be one of .* Got 'cifar'") as caught:
        load("cifar", tmp_path)
    assert all(name in str(caught.value) for name in DATASETS)


def without(file, name, folder):
    """A data folder in which one file is missing and the others are there (empty: what is missing is found
    first).
    """
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
    assert all(
        part in message
        for part in (name, missing, str(raw(tmp_path, name)), f"folder to {tmp_path},", "TUNER_DATA")
    )
    assert "\n" not in message


@pytest.mark.parametrize(
    "reason", [OSError("disk full"), RuntimeError("disk full\non all mirrors"), TimeoutError()], ids=repr
)
def test_a_failed_downloads_reason_is_told_in_one_line(monkeypatch, tmp_path, reason):
    def fail(_self):
        raise reason

    monkeypatch.setattr(datasets.MNIST, "download", fail)
    with pytest.raises(DataError, match="could not be downloaded") as caught:
        load("mnist", tmp_path)
    assert str(reason).partition("\n")[0] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damaged", ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
)
@pytest.mark.parametrize("change", ["a byte", "the end"])
def test_a_damaged_file_is_named(tmp_path, real, damaged, change):
    raw(tmp_path, real).mkdir(parents=True)
    for file in FILES:
        (raw(tmp_path, real) / file).symlink_to((raw(DATA, real) / file).resolve())
    content = bytearray((raw(DATA, real) / damaged).read_bytes())
    if change == "a byte":
        content[5000] ^= 1
    else:
        del content[-1]
    (raw(tmp_path, real) / damaged).unlink()
    (raw(tmp_path, real) / damaged).write_bytes(content)
    with pytest.raises(DataError, match=rf"the file {damaged} in .* is damaged") as caught:
        load(real, tmp_path)
    assert str(raw(tmp_path, real)) in str(caught.value)


BATCHES = "cifar-10-batches-py"
CIFAR_FILES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]


@pytest.fixture(scope="module")
def small_cifar():
    """CIFAR-10's files with 1,100 images each, {file name: bytes}, and their pixels and labels, {file name:
    (array, list)}.
    """
    random, labels = np.random.default_rng(0), np.arange(1_100) % 10
    examples = {
        file: (random.integers(0, 256, (1_100, 3072), np.uint8), random.permutation(labels).tolist())
        for file in CIFAR_FILES[:-1]
    }
    contents = {file: {"data": pixels, "labels": labels} for file, (pixels, labels) in examples.items()}
    contents["batches.meta"] = {"label_names": list(string.ascii_lowercase[:10])}
    return {file: pickle.dumps(content, protocol=2) for file, content in contents.items()}, examples


@pytest.fixture
def cifar(small_cifar, tmp_path, monkeypatch):
    """A data folder with these files, which are taken for the originals, by torchvision too."""
    sums = {file: md5(content).hexdigest() for file, content in small_cifar[0].items()}
    monkeypatch.setattr(originals, "CIFAR10_FILES", sums)
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [[file, sums[file]] for file in CIFAR_FILES[:5]])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(datasets.CIFAR10, "meta", {**datasets.CIFAR10.meta, "md5": sums["batches.meta"]})
    write_files(tmp_path, small_cifar[0])
    return tmp_path


def write_files(folder, files):
    (folder / BATCHES).mkdir(exist_ok=True)
    for file, content in files.items():
        (folder / BATCHES / file).write_bytes(content)


def test_cifar10_is_its_batches_with_a_validation_split(cifar, small_cifar):
    dataset = load("cifar10", cifar)
    check_form(dataset, sizes=(500, 5_000, 1_100), shape=(3, 32, 32))
    in_file = {
        file: Counter(zip(map(bytes, pixels), labels, strict=True))
        for file, (pixels, labels) in small_cifar[1].items()
    }
    assert examples(dataset.test) == in_file.pop("test_batch")
    assert examples(dataset.train, dataset.validation) == sum(in_file.values(), Counter())


def test_cifar10_images_are_torchvisions_tensors(cifar):
    image, label = datasets.CIFAR10(cifar, train=False)[7]  # height, width, channels
    test = load("cifar10", cifar).test
    assert torch.equal(test.inputs[7].view(3, 32, 32), torch.from_numpy(np.array(image)).permute(2, 0, 1))
    assert test.labels[7] == label


@pytest.mark.skipif(
    not (DATA / BATCHES).is_dir(),
    reason=f"{DATA} has no {BATCHES}; set TUNER_DATA to a folder that has it",
)
def test_the_real_cifar10_has_its_sizes():
    check_form(load("cifar10", DATA), sizes=(45_000, 5_000, 10_000), shape=(3, 32, 32))


@pytest.mark.parametrize("missing", CIFAR_FILES)
def test_a_missing_file_of_cifar10_without_a_network_is_named(cifar, missing):
    (cifar / BATCHES / missing).unlink()
    with pytest.raises(DataError, match=rf"the file {missing} is not in .* no network in tests") as caught:
        load("cifar10", cifar)
    assert all(
        part in str(caught.value)
        for part in (str(cifar / BATCHES), f"{BATCHES} folder to {cifar},", "TUNER_DATA")
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["data_batch_2", "batches.meta"])
def test_a_missing_file_of_cifar10_is_downloaded(cifar, small_cifar, missing, monkeypatch):
    (cifar / BATCHES / missing).unlink()
    asked = []

    def download(url, root, filename, md5):
        asked.append((url.rpartition("/")[2], filename, md5))
        write_files(Path(root), small_cifar[0])

    monkeypatch.setattr(datasets.utils, "download_and_extract_archive", download)
    assert len(load("cifar10", cifar).test) == 1_100
    assert asked == [("cifar-10-python.tar.gz", "cifar-10-python.tar.gz", datasets.CIFAR10.tgz_md5)]


@pytest.mark.parametrize("damaged", CIFAR_FILES)
def test_a_damaged_file_of_cifar10_is_named(cifar, damaged):
    file = cifar / BATCHES / damaged
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"the file {damaged} in .*{BATCHES} is damaged .*; delete it"):
        load("cifar10", cifar)


GOOD = {"folder": "pets", "size": 32}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in DATASETS if name not in ("image_folder", "arrays")),
        *(("image_folder", {**GOOD, "size": size}) for size in (1, 512)),
        *(
            ("image_folder", {**GOOD, "folder": folder})
            for folder in ("a", "9", "cifar10-jpeg", "A.b_c-d..", "x" * 64)
        ),
    ],
)
def test_options_that_a_dataset_takes_are_accepted_without_its_files(name, options):
    check_options(name, options)


NO_SIZES = [0, 513, -1, True, 32.0, "32", None, [32]]
PATHS = ["", ".", "..", "../x", "a/b", "/etc", "a\\b", ".git"]
NO_NAMES = [*PATHS, "-x", "pets\n", "é", "a b", "x" * 65, "x" * 9999, None, 3, ["a"]]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("mnist", {"size": 28}, "size: is not an option of dataset mnist; it has none"),
        ("cifar10", GOOD, "folder: is not an option of dataset cifar10; it has none"),
        (
            "image_folder",
            {**GOOD, "sise": 3},
            r"sise: is not an option of dataset image_folder \(did you mean size\?\); it has folder, size",
        ),
        ("image_folder", {**GOOD, 3: 3}, "3: is not an option of dataset image_folder; it has folder, size"),
        ("image_folder", {"folder": "pets"}, "size: is missing; it must be a whole number from 1 to 512, .*"),
        (
            "image_folder",
            {"size": 32},
            "folder: is missing; it must be the name of a folder in the data folder, .*",
        ),
        *(
            (
                "image_folder",
                {**GOOD, "size": size},
                f"size: must be a whole number from 1 to 512, .*, got {re.escape(repr(size))}",
            )
            for size in NO_SIZES
        ),
        *(
            (
                "image_folder",
                {**GOOD, "folder": name},
                f"folder: must be the name of .*, got {re.escape(repr(name)[:80])}",
            )
            for name in NO_NAMES
        ),
    ],
)
def test_options_that_a_dataset_does_not_take_are_errors(name, options, said, tmp_path):
    with pytest.raises(ValueError, match=f"^{said}$"):
        check_options(name, options)
    with pytest.raises(ValueError, match=f"^{said}$"):  # before any file is looked for
        load(name, tmp_path / "not there", options)


def test_options_of_an_unknown_dataset_are_an_error_that_lists_those_there_are():
    with pytest.raises(ValueError, match=r"dataset must be one of .*'image_folder'.* Got 'cifar'"):
        check_options("cifar", {})

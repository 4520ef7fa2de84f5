"""A user's own arrays as a dataset: in memory, from a file, and plugged in by name."""

import warnings
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import TensorDataset

from trainables import data
from trainables.data import DataError, Option, check_options, dataset_names, load
from trainables.data import arrays as arrays_module
from trainables.data.arrays import from_examples


def splits(dataset):
    return (dataset.train, dataset.validation, dataset.test)


def numbered(n):
    """n examples, the i-th being i."""
    return torch.arange(n, dtype=torch.float32)[:, None]


# --- in memory ---


def test_shares_are_a_seeded_partition():
    dataset = from_examples(numbered(100), validation=0.2, test=0.1)
    assert [len(split) for split in splits(dataset)] == [70, 20, 10]
    every = torch.cat([split.inputs[:, 0] for split in splits(dataset)])
    assert torch.equal(every.sort().values, torch.arange(100.0))
    assert not torch.equal(every, torch.arange(100.0))
    torch.manual_seed(1)
    again = from_examples(numbered(100), validation=0.2, test=0.1)
    assert torch.equal(again.test.inputs, dataset.test.inputs)


def test_splits_may_be_given():
    dataset = from_examples(
        (numbered(10), [0, 1] * 5), validation=(numbered(3), [2, 0, 1]), test=(numbered(2), [1, 1])
    )
    assert torch.equal(dataset.train.inputs, numbered(10))
    assert dataset.validation.labels.tolist() == [2, 0, 1]
    assert (len(dataset.test), dataset.classes) == (2, 3)


@pytest.mark.parametrize(
    ("inputs", "dtype", "shape", "largest"),
    [
        (torch.zeros(20, 3, 8, 8, dtype=torch.uint8), torch.uint8, (3, 8, 8), 255),
        (np.zeros((20, 7), dtype=np.float32), torch.float32, (7,), 1),
        (np.zeros((20, 7)), torch.float64, (7,), 1),
        (np.zeros((20, 5), dtype=np.int64), torch.int64, (5,), 1),
        (torch.zeros(20, 4, dtype=torch.bool), torch.bool, (4,), 1),
        (torch.zeros(20), torch.float32, (), 1),
        (np.asfortranarray(np.zeros((20, 7)))[:, ::-1], torch.float64, (7,), 1),
    ],
)
def test_any_dtype_and_shape_is_kept(inputs, dtype, shape, largest):
    dataset = from_examples(inputs)
    assert {split.inputs.dtype for split in splits(dataset)} == {dtype}
    assert (dataset.shape, dataset.largest, dataset.train.labels) == (shape, largest, None)


def test_arrays_that_must_not_be_written_to_are_copied_without_a_warning():
    array = np.zeros((20, 2))
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(from_examples(array).train) == 16


def test_dictionaries_become_batches_that_are_dictionaries():
    inputs = {"image": torch.zeros(30, 1, 4, 4, dtype=torch.uint8), "more": torch.arange(30.0)}
    dataset = from_examples((inputs, {"y": torch.arange(30)}))
    assert (len(dataset.train), dataset.shape, dataset.largest, dataset.classes) == (24, (), 255, 0)
    part = dataset.train.take(slice(2, 5))
    assert {name: list(x.shape) for name, x in part.inputs.items()} == {"image": [3, 1, 4, 4], "more": [3]}
    assert torch.equal(part.inputs["more"].long(), part.labels["y"])
    assert dataset.to("meta").train.device.type == "meta"


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (torch.arange(20) % 3, 3),
        (np.arange(20, dtype=np.int32) % 2, 2),
        (torch.arange(20, dtype=torch.uint8) % 4, 4),
        (torch.arange(20).float(), 0),
        (torch.arange(20) % 2 * 2 - 1, 0),  # -1 and 1 are no classes
        (torch.zeros(20, 5, dtype=torch.int64), 0),
    ],
)
def test_whole_number_labels_from_0_on_are_classes(labels, classes):
    dataset = from_examples((numbered(20), labels))
    assert dataset.classes == classes
    if classes:
        assert dataset.train.labels.dtype == torch.int64


class Squares(TorchDataset):
    """Map-style: (tensor, number)."""

    def __init__(self, n=20, form=lambda i: (torch.full((2, 2), float(i)), i * i)):
        self.n, self.form = n, form

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.form(i)


@pytest.mark.parametrize(
    "dataset",
    [
        Squares(),
        TensorDataset(torch.arange(20.0)[:, None, None].expand(20, 2, 2), torch.arange(20) ** 2),
        Squares(form=lambda i: [np.full((2, 2), i, dtype=np.float32), np.int64(i * i)]),
    ],
    ids=["of pairs", "TensorDataset", "of numpy arrays"],
)
def test_a_map_style_dataset_is_read_into_memory(dataset):
    read = from_examples(dataset, validation=0.1, test=0.1)
    assert read.shape == (2, 2)
    assert torch.equal(read.train.inputs[:, 0, 0].long() ** 2, read.train.labels)


def test_a_map_style_dataset_of_dictionaries_or_of_inputs_alone():
    read = from_examples(Squares(form=lambda i: {"x": torch.full((3,), i), "y": i}))
    assert {name: list(x.shape) for name, x in read.train.inputs.items()} == {"x": [16, 3], "y": [16]}
    read = from_examples(Squares(form=lambda i: ({"x": torch.full((3,), i)}, i)))
    assert torch.equal(read.train.inputs["x"][:, 0], read.train.labels)
    read = from_examples(Squares(form=lambda i: torch.full((3,), i)))
    assert (read.shape, read.train.labels) == ((3,), None)


def growing(i):
    return torch.zeros(2 + (i == 7)), i


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        (numbered(1), "has 1 example, which leaves 0 to train on; at least 4 are needed"),
        (numbered(3), "has 3 examples, which leaves 1 to train on; at least 4 are needed"),
        ((numbered(9), [0] * 8), r"all arrays must have one length, .* Got \[8, 9\]"),
        ({"a": numbered(9), "b": numbered(8)}, r"all arrays must have one length, .* Got \[8, 9\]"),
        ((numbered(9), [0], [0]), r"must be \(inputs, labels\). Got 3 entries"),
        ({}, "must be arrays by name. Got none"),
        (torch.tensor(3.0), "must have an axis of examples"),
        (torch.zeros(0, 3), "must have an axis of examples, at least one"),
        (np.array(["a", "b", "c", "d"]), "inputs must be an array of numbers .* encode text"),
        (np.array([{}, {}, {}, {}]), "inputs must be an array of numbers"),
        ((numbered(9), np.full(9, np.inf)), "labels has values that are NaN or infinite in 9 of 9 examples"),
        ({"a": numbered(9).log()}, r"inputs\['a'\] has values .* in 1 of 9 examples, first in number 0"),
        (numbered(9).sub(5).sqrt()[:, 0], "in 5 of 9 examples, first in number 0"),
        (iter([1]), "with a length and numbered examples. Got list_iterator"),
        (Squares(0), "has no example"),
        (Squares(form=growing), r"example 7 has the form {'inputs': \[3\], .* crop, pad or resize"),
        (Squares(form=lambda _: (1, 2, 3)), r"must be inputs, or \(inputs, labels\). Got 3 parts"),
        (
            Squares(form=lambda _: ("a picture", 2)),
            "inputs must be a tensor or a number, and is str; .*transform",
        ),
    ],
)
def test_what_cannot_be_a_dataset_is_said_with_what_to_do(examples, said):
    with pytest.raises(DataError, match=said):
        from_examples(examples)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 3])
def test_a_share_must_be_one(share):
    with pytest.raises(DataError, match="validation must be a share of the data above 0 and below 1"):
        from_examples(numbered(20), validation=share)


def test_splits_must_be_of_one_form():
    with pytest.raises(
        DataError, match=r"train and test differ in form: inputs float32 \[1\].* float32 \[2\]"
    ):
        from_examples(numbered(20), test=torch.zeros(5, 2))


def test_what_does_not_fit_into_memory_is_said_before_it_is_read(monkeypatch):
    read = []

    def form(i):
        read.append(i)
        return torch.zeros(1024, 1024), 0

    monkeypatch.setattr(arrays_module, "free_bytes", lambda: 3 * 2**30)
    with pytest.raises(
        DataError, match=r"1000 examples take 3.9 GB as tensors, .* has 3.0 GB free; .*Subset"
    ):
        from_examples(Squares(1000, form=form))
    assert read == [0]


def test_the_memory_of_this_machine_is_told():
    assert 2**20 < arrays_module.free_bytes() < 2**50


# --- from a file ---

X, Y = np.arange(40, dtype=np.float32).reshape(20, 2), np.arange(20) % 3


@pytest.fixture
def folder(tmp_path):
    which = np.array([0] * 12 + [1] * 5 + [2] * 3)
    np.savez(tmp_path / "all.npz", x=X, y=Y, z=Y * 0.5, which=which, wrong=np.arange(20))
    np.savez(tmp_path / "parts.npz", x_train=X, y_train=Y, x_test=X[:4], y_test=Y[:4])
    np.savez(tmp_path / "objects.npz", x=np.array([{}] * 9, dtype=object))
    save_file({"x": torch.from_numpy(X), "y": torch.from_numpy(Y)}, tmp_path / "all.safetensors")
    (tmp_path / "damaged.npz").write_bytes((tmp_path / "all.npz").read_bytes()[:200])
    (tmp_path / "damaged.safetensors").write_bytes(b"\x01" * 50)
    return tmp_path


@pytest.mark.parametrize("file", ["all.npz", "all.safetensors"])
def test_a_file_has_its_fields_split_by_shares(folder, file):
    options = {"file": file, "inputs": "x", "labels": "y", "validation": 0.2}
    dataset = load("arrays", folder, options)
    assert [len(split) for split in splits(dataset)] == [14, 4, 2]
    assert (dataset.name, dataset.shape, dataset.classes) == ("arrays", (2,), 3)
    assert torch.equal(dataset.train.inputs[:, 0].long() // 2 % 3, dataset.train.labels)


def test_fields_may_be_several_and_labels_absent(folder):
    dataset = load("arrays", folder, {"file": "all.npz", "inputs": ["x", "z"]})
    assert {name: list(x.shape) for name, x in dataset.test.inputs.items()} == {"x": [2, 2], "z": [2]}
    assert dataset.train.labels is None


def test_a_field_may_tell_the_splits(folder):
    dataset = load("arrays", folder, {"file": "all.npz", "inputs": "x", "labels": "y", "splits": "which"})
    assert [len(split) for split in splits(dataset)] == [12, 5, 3]
    assert torch.equal(dataset.test.inputs, torch.from_numpy(X[17:]))


def test_a_file_may_have_its_parts_under_names_of_their_own(folder):
    dataset = load("arrays", folder, {"file": "parts.npz", "inputs": "x", "labels": "y"})
    assert [len(split) for split in splits(dataset)] == [18, 2, 4]
    assert torch.equal(dataset.test.inputs, torch.from_numpy(X[:4]))


GOOD = {"file": "all.npz", "inputs": "x"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"file": "none.npz"}, r"there is no file .*none.npz; .* TUNER_DATA"),
        ({"inputs": "picture"}, "has no field picture; it has which, wrong, x, y, z"),
        ({"labels": "answer"}, "has no field answer"),
        ({"file": "objects.npz"}, "objects.npz cannot be read .*allow_pickle.*arrays of numbers only"),
        ({"file": "damaged.npz"}, "damaged.npz cannot be read"),
        ({"file": "damaged.safetensors"}, "damaged.safetensors cannot be read"),
        ({"splits": "wrong"}, r"the field wrong .* must hold 0 \(train\), 1 \(validation\) and 2 \(test\)"),
        ({"splits": "z"}, "the field z .* must have one whole number for each of 20 examples"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(folder, options, said):
    with pytest.raises(DataError, match=said):
        load("arrays", folder, GOOD | options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"file": "../all.npz"}, r"^file: must be the name of a .npz or .safetensors file in the data"),
        ({"file": "all.pkl"}, r"^file: must be the name of a .npz"),
        ({"file": 3}, "^file: must be"),
        ({"inputs": []}, "^inputs: must be the name of a field"),
        ({"inputs": ["x", "x"]}, "^inputs: must be"),
        ({"validation": 1}, "^validation: must be a share"),
        ({"test": True}, "^test: must be a share"),
        ({"lables": "y"}, "^lables: is not an option of .* .did you mean labels.*; it has file, inputs"),
    ],
)
def test_options_of_arrays_are_looked_at_before_a_file_is(options, said):
    check_options("arrays", GOOD | {"labels": ["y", "z"], "splits": "which", "validation": 0.2, "test": 0.1})
    with pytest.raises(ValueError, match=said):
        check_options("arrays", GOOD | options)
    with pytest.raises(ValueError, match=r"^inputs: is missing; it must be the name of a field"):
        check_options("arrays", {"file": "all.npz"})


# --- plugged in ---


def counting(_folder, *, n=20):
    return from_examples(numbered(n), name="counting")


counting.OPTIONS = {"n": Option("a whole number", lambda n: type(n) is int, required=False)}


@pytest.fixture
def plugged(monkeypatch):
    here = __name__
    entries = [
        EntryPoint("counting", f"{here}:counting", data.GROUP),
        EntryPoint("digits", f"{here}:counting", data.GROUP),  # a built-in's name
        EntryPoint("broken", f"{here}:absent", data.GROUP),
        EntryPoint("number", f"{here}:X", data.GROUP),
    ]
    monkeypatch.setattr(data, "entry_points", lambda group: [e for e in entries if e.group == group])
    data.plugged_in.cache_clear()
    yield
    data.plugged_in.cache_clear()


@pytest.mark.usefixtures("plugged")
def test_a_dataset_is_plugged_in_by_its_name():
    assert {"counting", "broken", "digits", "arrays"} <= {*dataset_names()}
    assert len(load("counting", "not used").train) == 16
    assert len(load("counting", "not used", {"n": 40}).train) == 32
    assert load("digits", "not used").features == 64
    with pytest.raises(ValueError, match=r"^n: must be a whole number, got 'many'"):
        check_options("counting", {"n": "many"})


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize(
    ("name", "said"),
    [("broken", "cannot be imported: AttributeError"), ("number", r"must be a function \(data folder")],
)
def test_a_plugged_in_dataset_that_cannot_be_used_is_named(name, said):
    with pytest.raises(ValueError, match=f"dataset '{name}' .* {said}"):
        load(name, "not used")


def test_an_unknown_dataset_is_an_error_that_lists_those_there_are():
    with pytest.raises(ValueError, match=r"dataset must be one of .*'arrays'.* Got 'counting'"):
        load("counting", "not used")

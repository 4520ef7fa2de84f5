"""Image folders: read as Pillow reads them, split, and what is said of folders and images that cannot be
used.
"""

import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.splits import check_same, examples
from trainables.data import DataError, load


def write_image(file, pixels, mode=None):
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(file)


@pytest.fixture
def pets(tmp_path):
    """A data folder with an image folder: 25 cats and 5 dogs to train, 2 and 1 to test, 6x6 PNGs, all
    different.
    """
    random = np.random.default_rng(0)
    for part, name, number in [
        ("train", "cat", 25),
        ("train", "dog", 5),
        ("test", "cat", 2),
        ("test", "dog", 1),
    ]:
        for i in range(number):
            write_image(
                tmp_path / "pets" / part / name / f"{i}.png", random.integers(0, 256, (6, 6, 3), np.uint8)
            )
    return tmp_path


def load_pets(folder, size=6):
    return load("image_folder", folder, {"folder": "pets", "size": size})


def as_pillow_reads(file, size=None):
    """[3, height, width] of integers, from the image library that torchvision.io does not use."""
    image = Image.open(file).convert("RGB")
    if size:
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).int()


def test_an_image_folders_splits_are_its_images(pets):
    dataset = load_pets(pets)
    assert (dataset.name, dataset.shape, dataset.features, dataset.classes) == (
        "image_folder",
        (3, 6, 6),
        108,
        2,
    )
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (27, 3, 3)
    for part, splits in [("train", (dataset.train, dataset.validation)), ("test", (dataset.test,))]:
        files = sorted((pets / "pets" / part).glob("*/*"))
        pixels = [as_pillow_reads(file).flatten().to(torch.uint8).numpy() for file in files]
        labels = [("cat", "dog").index(file.parent.name) for file in files]
        assert examples(*splits) == Counter(zip(map(bytes, pixels), labels, strict=True))


def test_an_image_folder_is_read_in_the_same_order_every_time(pets):
    check_same(load_pets(pets, size=4), load_pets(pets, size=4))


@pytest.mark.parametrize(("train", "held_out"), [(2, 1), (19, 1), (20, 2), (1_009, 100)])
def test_a_tenth_of_an_image_folder_but_at_least_one_image_is_for_validation(tmp_path, train, held_out):
    write_image(tmp_path / "first.png", np.zeros((1, 1, 3), np.uint8))
    for i in range(train + 1):
        link = tmp_path / "pets" / ("train" if i else "test") / "cat" / f"{i}.png"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(tmp_path / "first.png")
    dataset = load_pets(tmp_path, size=1)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (train - held_out, held_out, 1)


def replaced(folder, file, pixels, mode=None, size=6):
    """How the test set's only dog is read when its image is this: [3, size, size]."""
    (folder / "pets" / "test" / "dog" / "0.png").unlink()
    write_image(folder / "pets" / "test" / "dog" / file, pixels, mode)
    return load_pets(folder, size).test.inputs[-1].view(3, size, size).int()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_png_of_any_kind_is_read_exactly_as_pillow_reads_it(pets, mode):
    pixels = np.random.default_rng(1).integers(0, 256, (6, 6, 3), np.uint8)
    found = replaced(pets, "new.png", pixels, mode)
    assert torch.equal(found, as_pillow_reads(pets / "pets" / "test" / "dog" / "new.png"))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_is_read_as_pillow_reads_it(pets, mode):
    pixels = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    found = replaced(pets, "new.jpg", pixels, mode, size=40)
    # Two builds of a JPEG decoder may round the transform differently; JPEG allows a level or two.
    assert (found - as_pillow_reads(pets / "pets" / "test" / "dog" / "new.jpg")).abs().max() <= 2


@pytest.mark.parametrize("shape", [(64, 64), (30, 90), (3, 5), (1, 1)], ids=str)
def test_an_image_of_another_size_is_stretched_as_pillow_does_with_antialiasing(pets, shape):
    found = replaced(
        pets, "new.png", np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8), size=16
    )
    expected = as_pillow_reads(pets / "pets" / "test" / "dog" / "new.png", size=16)
    assert (found - expected).abs().max() <= 1


UNUSABLE = {  # what is wrong: (what is deleted, what is written, what is said of {root}, the image folder)
    "no folder": (
        ["pets"],
        {},
        ["there is no folder {root};", "put the images into {root}/train/<class>/", "TUNER_DATA"],
    ),
    "no train": (["pets/train"], {}, ["there is no folder {root}/train;", "TUNER_DATA"]),
    "no test": (["pets/test"], {}, ["there is no folder {root}/test;", "TUNER_DATA"]),
    "no class": (
        ["pets/test/*"],
        {},
        ["{root}/test must have a folder of images for each class", "put the images into such"],
    ),
    "a class more": (
        [],
        {"train/cow/0.png": b""},
        ["in {root} must", "cow is in train but not in test", "add or delete"],
    ),
    "a class less": (
        ["pets/train/cat"],
        {},
        ["in {root} must", "cat is in test but not in train", "add or delete"],
    ),
    "a class without images": (
        ["pets/test/dog/*"],
        {"test/dog/0.txt": b""},
        ["{root}/test/dog has no image;", "put some there"],
    ),
    "one image": (["pets/*/dog", "pets/train/cat/[1-9]*"], {}, ["{root}/train must", "has 1;", "add images"]),
    "an empty image": (
        [],
        {"train/cat/3.png": b""},
        ["{root}/train/cat/3.png cannot be decoded (", "replace or delete"],
    ),
    "the start of an image": (
        [],
        {"test/dog/0.png": b"\x89PNG\r\n\x1a\n"},
        ["{root}/test/dog/0.png cannot be decoded ("],
    ),
    "a GIF": (
        [],
        {"train/dog/Film.GIF": b"GIF89a"},
        ["the image {root}/train/dog/Film.GIF is of a kind that is not read", "convert it"],
    ),
    "no image": (
        [],
        {"train/dog/1.png": b"hello"},
        ["{root}/train/dog/1.png cannot be decoded (Unsupported image file"],
    ),
}


@pytest.mark.parametrize("wrong", UNUSABLE)
def test_an_unusable_image_folder_is_an_error_that_says_what_is_wrong_and_where(pets, wrong):
    deleted, written, said = UNUSABLE[wrong]
    for path in [path for pattern in deleted for path in pets.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for file, content in written.items():
        (pets / "pets" / file).parent.mkdir(exist_ok=True)
        (pets / "pets" / file).write_bytes(content)
    with pytest.raises(DataError, match=r"^dataset image_folder: [^\n]+\.$") as caught:
        load_pets(pets)
    assert [part for part in said if part.format(root=pets / "pets") not in str(caught.value)] == []


def test_a_png_of_16_bits_and_a_film_are_errors_that_name_the_image(pets):
    deep = np.arange(36, dtype=np.uint16).reshape(6, 6) * 1000
    with pytest.raises(
        DataError, match=r"pets/test/dog/deep\.png must be a single picture with 8 bits a channel; convert"
    ):
        replaced(pets, "deep.png", deep)
    frames = [Image.fromarray(np.full((6, 6), level, np.uint8)) for level in (0, 99)]
    film = (
        pets / "pets" / "test" / "cat" / "film.png"
    )  # a GIF with a wrong name: what a file is, its content says
    frames[0].save(film, "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"pets/test/cat/film\.png must be a single picture"):
        load_pets(pets)


@pytest.mark.parametrize(
    ("link", "target", "said"),
    [
        ("again", "..", "/train/cat/again is a link to a folder that it lies in"),
        ("again", ".", "/train/cat/again is a link to a folder that it lies in"),
        ("itself", "itself", "/train/cat/itself is a link to nothing, or to itself"),
        ("nowhere", "no-such-folder", "/train/cat/nowhere is a link to nothing, or to itself"),
    ],
)
def test_a_folder_without_end_is_an_error_that_names_the_link(pets, link, target, said):
    (pets / "pets" / "train" / "cat" / link).symlink_to(target)
    with pytest.raises(DataError, match=said):
        load_pets(pets)


def test_a_folder_that_is_linked_into_another_is_read(pets):
    before = len(load_pets(pets).test)
    (pets / "more").mkdir()
    shutil.copy(pets / "pets" / "test" / "cat" / "0.png", pets / "more" / "0.png")
    (pets / "pets" / "test" / "cat" / "more").symlink_to(pets / "more")
    assert len(load_pets(pets).test) == before + 1

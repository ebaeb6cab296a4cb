"""Hostile files: known attacks on Keras and HDF5 are refused by both wings, and a fuzzer finds no file that is read wrong."""

import json
import random
import sys
import zipfile
import zlib
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import highlevel
import lowlevel
from lockstep.tuning.space import Space
from shared import InputError, ModelSpec, TrainSpec
from shared.data.hdf5 import BOMB_BYTES, guarded
from shared.weights import read_specs

ROOT = Path(__file__).resolve().parents[1]
WINGS = {"low": lowlevel, "high": highlevel}
MODEL = ModelSpec.mlp(6, 5, 3)
TRAIN = TrainSpec(seed=3)


@pytest.fixture(scope="module")
def trainers():
    """One of each wing; a refused file leaves it as it was."""
    return {name: wing.Trainer(MODEL, TRAIN) for name, wing in WINGS.items()}


@pytest.fixture(scope="module")
def net():
    """Plain Keras's own net of the same layers."""
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(3)])


@pytest.fixture
def archive(net, tmp_path):
    """The entries of the ``.keras`` file of the net."""
    net.save(tmp_path / "sound.keras")
    with zipfile.ZipFile(tmp_path / "sound.keras") as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(path, entries, packing=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", packing) as file:
        for name, content in entries if isinstance(entries, list) else entries.items():
            file.writestr(zipfile.ZipInfo(name), content, packing)
    return path


def refused(trainers, path, word):
    """Both wings refuse the file in the same line, and are unchanged."""
    said = []
    for trainer in trainers.values():
        before = [value.tobytes() for value in (*trainer.state().weights, *trainer.state().slots)]
        with pytest.raises(InputError, match=r"^[^\n]+ Received: [^\n]+\.$") as caught:
            trainer.load(path)
        assert [value.tobytes() for value in (*trainer.state().weights, *trainer.state().slots)] == before
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert word in said[0]
    assert path.name in said[0]


# ------------------------------------------------------------------------------------------------------------ .keras files


def test_both_wings_read_a_keras_file(trainers, net, archive, tmp_path):
    path = packed(tmp_path / "net.keras", archive)
    for trainer in trainers.values():
        trainer.load(path)
        assert all(np.array_equal(ours, theirs) for ours, theirs in zip(trainer.weights(), net.get_weights(), strict=True))


CODE = {"class_name": "__lambda__", "config": {"code": "4wEAAAAA", "defaults": None, "closure": None}}
LAYERS = {
    "lambda": ({"module": "keras.layers", "class_name": "Lambda", "config": {"function": CODE}}, "'Lambda'"),
    "lambda as activation": (
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 5, "activation": CODE, "use_bias": True}},
        "activation=",
    ),
    "module of the system": ({"module": "os", "class_name": "system", "config": {"command": "touch here"}}, "'system'"),
    "module with a known name": ({"module": "evil", "class_name": "Dense", "config": {"units": 5}}, "'Dense'"),
    "registered name": (
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 5}, "registered_name": "evil>Dense"},
        "'Dense'",
    ),
    "saved model": ({"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/etc"}}, "'TFSMLayer'"),
    "no layer": ([], "None"),
    "a class name that is a list": ({"module": "keras.layers", "class_name": ["Dense"], "config": {}}, "['Dense']"),
    "huge": (
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2**40, "activation": "relu", "use_bias": True}},
        "units=",
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_net_that_keras_would_run_code_for_is_refused(name, trainers, archive, tmp_path):
    layer, word = LAYERS[name]
    config = json.loads(archive["config.json"])
    config["config"]["layers"][1] = layer
    path = packed(tmp_path / "hostile.keras", archive | {"config.json": json.dumps(config)})
    refused(trainers, path, word)
    assert [one.name for one in tmp_path.iterdir() if one.name == "here"] == []


ARCHIVES = {
    "a bomb for weights": (lambda entries: entries | {"model.weights.h5": bytes(2**27)}, zipfile.ZIP_DEFLATED, "packed"),
    "a bomb for a config": (lambda entries: entries | {"config.json": b" " * 2**27}, zipfile.ZIP_DEFLATED, "packed"),
    "a long config": (lambda entries: entries | {"config.json": b" " * 2**21}, zipfile.ZIP_STORED, "config.json of 2097152"),
    "a deep config": (lambda entries: entries | {"config.json": b"[" * 10**5}, zipfile.ZIP_STORED, "no keras.Sequential"),
    "another model": (
        lambda entries: entries | {"config.json": b'{"module": "keras", "class_name": "Functional", "config": {}}'},
        zipfile.ZIP_STORED,
        "no keras.Sequential",
    ),
    "no weights": (lambda entries: {"config.json": entries["config.json"]}, zipfile.ZIP_STORED, "0 entries"),
    "two configs": (
        lambda entries: [*entries.items(), ("config.json", b"{}")],
        zipfile.ZIP_STORED,
        "2 entries called config.json",
    ),
    "weights that are none": (lambda entries: entries | {"model.weights.h5": b"x" * 99}, zipfile.ZIP_STORED, "HDF5 signature"),
    "very many entries": (
        lambda entries: entries | {f"assets/{at}": b"" for at in range(1001)},
        zipfile.ZIP_STORED,
        "1004 entries",
    ),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_made_on_purpose_are_refused(name, trainers, archive, tmp_path):
    change, packing, word = ARCHIVES[name]
    path = packed(tmp_path / "hostile.keras", change(archive), packing)
    assert path.stat().st_size < 2**22
    refused(trainers, path, word)


def test_what_is_no_archive_is_refused(trainers, archive, tmp_path):
    path = packed(tmp_path / "cut.keras", archive)
    whole = path.read_bytes()
    refused(trainers, tmp_path / "none.keras", "nothing")
    for content in (b"", whole[: len(whole) // 2], whole[:-30], whole.replace(b"PK\x01\x02", b"PK\x01\x03"), b"PK" * 99):
        path.write_bytes(content)
        refused(trainers, path, "damaged")
    at = whole.index(b"\x89HDF") + 5000
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    refused(trainers, path, "CRC")
    net = ModelSpec.mlp(6, 5, 3, activation="tanh")
    packed(path, archive)
    for wing in WINGS.values():
        with pytest.raises(InputError, match=r"activation=tanh.*activation=relu.*cut\.keras"):
            wing.Trainer(net, TRAIN).load(path)


# ------------------------------------------------------------------------------------------------------ .weights.h5 files


def put(name, **options):
    def change(file):
        del file[name]
        file.create_dataset(name, **options)

    return change


def linked(name, target):
    def change(file):
        del file[name]
        file[name] = target

    return change


def virtual(file):
    del file[KERNEL]
    layout = h5py.VirtualLayout(shape=(6, 5), dtype="f4")
    layout[...] = h5py.VirtualSource("other.h5", "x", shape=(6, 5))
    file.create_virtual_dataset(KERNEL, layout)


def unfolding(times):
    """A kernel whose one piece unfolds to 128 MiB; packed twice it takes a few hundred bytes."""

    def change(file):
        del file[KERNEL]
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((500, 500))  # HDF5 stores no piece of more than 256 times the size that it should have
        for _ in range(times):
            made.set_deflate(9)
        space = h5py.h5s.create_simple((6, 5), (h5py.h5s.UNLIMITED,) * 2)
        h5py.h5d.create(file.id, KERNEL.encode(), h5py.h5t.IEEE_F32LE, space, made)
        content = bytes(2**27)
        for _ in range(times):
            content = zlib.compress(content, 9)
        file[KERNEL].id.write_direct_chunk((0, 0), content)

    return change


def shuffled_after(file):
    del file[KERNEL]
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk((6, 5))
    made.set_deflate(9)
    made.set_shuffle()
    h5py.h5d.create(file.id, KERNEL.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((6, 5)), made)


def short(file):
    """A piece from which less comes out than it should have: HDF5 would fill up with whatever lies in memory."""
    del file[KERNEL]
    file.create_dataset(KERNEL, shape=(6, 5), dtype="f4", chunks=(6, 5), compression="gzip")
    file[KERNEL].id.write_direct_chunk((0, 0), zlib.compress(bytes(8)))


KERNEL = "layers/dense/vars/0"
FILES = {
    "external link": (linked(KERNEL, h5py.ExternalLink("other.h5", "/x")), "external link"),
    "external link for a group": (linked("layers", h5py.ExternalLink("other.h5", "/")), "external link"),
    "soft link": (linked(KERNEL, h5py.SoftLink("/layers/dense_1/vars/0")), "soft link"),
    "external storage": (put(KERNEL, shape=(6, 5), dtype="f4", external=[("/etc/passwd", 0, 120)]), "other files"),
    "virtual": (virtual, "other files"),
    "shape bomb": (put(KERNEL, shape=(2**40, 2**20), dtype="f4", chunks=(2**10, 2**10)), "(6, 5)"),
    "piece bomb": (put(KERNEL, shape=(6, 5), maxshape=(None, None), dtype="f4", chunks=(2**15, 2**13)), "bytes in memory"),
    "unfolding bomb": (unfolding(1), "A piece of"),
    "bomb within a bomb": (unfolding(2), "packed once"),
    "packed, then shuffled": (shuffled_after, "packed once"),
    "short piece": (short, "A piece of"),
    "objects": (put(KERNEL, shape=(6, 5), dtype=h5py.string_dtype()), "floats"),
    "an array for a group": (put("layers/dense", data=np.zeros(3)), "layers/dense"),
    "slots by link": (linked("optimizer/vars/3", h5py.SoftLink("/layers")), "soft link"),
    "slot of another shape": (
        put("optimizer/vars/3", shape=(2**30, 2**10), dtype="f4", chunks=(2**10, 2**10)),
        "optimizer/vars/3",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_weights_files_made_on_purpose_are_refused(name, trainers, tmp_path):
    change, word = FILES[name]
    path = tmp_path / "hostile.weights.h5"
    trainers["low"].save(path)
    with h5py.File(path, "r+") as file:
        change(file)
    assert path.stat().st_size < 2**20
    refused(trainers, path, word)


def test_a_sound_packed_array_still_goes_through(tmp_path):
    path = tmp_path / "packed.h5"
    values = np.random.default_rng(1).integers(0, 256, 2**20, np.uint8)
    with h5py.File(path, "w") as file:
        for name, options in {
            "gzip": {"compression": "gzip", "shuffle": True, "fletcher32": True},
            "lzf": {"compression": "lzf", "shuffle": True, "fletcher32": True},
        }.items():
            file.create_dataset(name, data=values, chunks=(2**19,), **options)
        file.create_dataset("zeros", data=np.zeros(2 * BOMB_BYTES, np.uint8), compression="gzip", chunks=(2 * BOMB_BYTES,))
    with guarded(path) as file:
        assert np.array_equal(file.array("gzip"), values)
        assert np.array_equal(file.array("lzf"), values)
        assert not file.array("zeros").any()


@pytest.mark.parametrize("spec", [ModelSpec.mlp(6, 2**30, 2**30, 3), ModelSpec.mlp(6, 5, 4)], ids=["huge", "another"])
def test_a_file_that_says_more_than_it_holds_is_refused_before_a_net_is_built(spec, trainers, tmp_path):
    path = tmp_path / "net.weights.h5"
    trainers["low"].save(path)
    assert read_specs(path)[0] == MODEL
    with h5py.File(path, "r+") as file:
        file.attrs["lockstep_model"] = spec.to_json()
    with pytest.raises(InputError, match=r"holds the net that it says.*net\.weights\.h5"):
        read_specs(path)


def test_a_net_of_very_many_layers_is_refused():
    layers = [{"class_name": "Activation", "activation": "relu", "name": f"A{at}"} for at in range(1000)]
    dense = {"class_name": "Dense", "units": 2, "name": "L1"}
    with pytest.raises(InputError, match="1001"):
        ModelSpec.from_dict({"inputs": 3, "layers": [*layers, dense]})


def test_words_of_a_file_do_not_steer_the_terminal_or_python():
    for text in ('{"self": [1]}', '{"a\\u001b[2J\\u2028b": 1}', '"a\\u001b[2J\\u2028b"'):
        for kind in (Space, ModelSpec, TrainSpec):
            with pytest.raises(InputError) as caught:
                kind.from_json(text)
            assert str(caught.value).isprintable()


# -------------------------------------------------------------------------------------------------------------- the fuzzer


@pytest.fixture(scope="module")
def fuzz():
    """``benchmarks/fuzz.py``, beside which ``hostile.py`` lies."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import fuzz

        return fuzz
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def sound(fuzz, tmp_path_factory):
    """A folder with the sound files."""
    folder = tmp_path_factory.mktemp("sound")
    fuzz.hostile.sound(folder)
    return folder


@pytest.mark.long
def test_a_few_hostile_files_of_every_kind_in_this_process(fuzz, sound, tmp_path):
    pytest.importorskip("PIL")
    pool, ended = fuzz.pool_in(sound), []
    assert sorted(pool) == sorted(fuzz.READERS)
    for kind in fuzz.READERS:
        read = fuzz.MAKERS[kind]()
        path = tmp_path / f"hostile{fuzz.SUFFIX.get(kind, '.h5')}"
        for content in pool[kind][:1]:
            path.write_bytes(content)
            assert fuzz.judge(read, path, kind) == ("load", ""), kind
        for content in fuzz.attacks(kind, pool, 7, {"digits": 1, "comparison": 2}.get(kind, 8)):
            path.write_bytes(content)
            how, why = fuzz.judge(read, path, kind)
            assert how in ("load", "refusal"), (kind, why)
            ended.append(how)
    assert {"load", "refusal"} == set(ended)


@pytest.mark.long
def test_the_same_seed_makes_the_same_files(fuzz, sound):
    pool = fuzz.pool_in(sound)
    for kind in ("json", "picture", "keras", "data", "trace"):
        first, second = (list(fuzz.attacks(kind, pool, 3, 6)) for _ in range(2))
        assert first == second, kind
        assert first != list(fuzz.attacks(kind, pool, 4, 6)), kind


def test_the_judge_names_what_is_wrong(fuzz, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    draw = random.Random(0)

    def raises(error):
        def read(path):
            raise error

        return read

    assert fuzz.judge(lambda path: draw.random(), path, "data")[0] == "wrong"
    assert fuzz.judge(raises(KeyError("x")), path, "data") == ("wrong", "KeyError: 'x'")
    assert fuzz.judge(raises(InputError("two\nlines. Received: x.")), path, "data")[0] == "wrong"
    assert fuzz.judge(raises(InputError("No. Received: \x1b[2J.")), path, "data")[0] == "wrong"
    assert fuzz.judge(raises(InputError("No. Received: x. Stop.")), path, "data")[0] == "refusal"
    assert fuzz.judge(lambda path: 1, path, "trace")[0] == "wrong"
    assert fuzz.judge(lambda path: 1, path, "data") == ("load", "")


@pytest.mark.long
def test_a_crash_and_a_hang_are_seen_and_the_process_starts_anew(fuzz, sound, tmp_path, monkeypatch):
    """By a reader that does what its file says."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, os, sys, time\n"
        "print('ready', flush=True)\n"
        "for line in sys.stdin:\n"
        "    text = open(line.strip()).read()\n"
        "    os.abort() if text == 'crash' else time.sleep(99) if text == 'hang' else None\n"
        "    print(json.dumps(['load', '', 5]), flush=True)\n"
    )
    monkeypatch.setattr(fuzz, "SECONDS", 1.0)
    worker = fuzz.Worker("data", sound / "data-0")
    worker.command = [sys.executable, str(script)]
    path = tmp_path / "said"
    ended = []
    for said in ("fine", "crash", "fine", "hang", "fine"):
        path.write_text(said)
        ended.append(worker.read(path)[0])
    worker.end()
    assert ended == ["load", "crash", "load", "hang", "load"]


@pytest.mark.long
def test_hundreds_of_hostile_files_of_every_kind_in_processes_of_their_own(fuzz, sound):
    pytest.importorskip("PIL")
    for kind in fuzz.READERS:
        count = round(40 * fuzz.SHARES.get(kind, 1))
        ended, most = fuzz.fuzz(kind, sound, 11, count)
        assert set(ended) <= {"load", "refusal"}, (kind, ended)
        assert ended.total() == count
        assert most < fuzz.MEMORY, kind

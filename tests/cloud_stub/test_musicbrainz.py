"""Musicians from dumps in both forms of MusicBrainz's, small and made up; and from what is none."""

import io
import json
import tarfile

import pytest
from typer.testing import CliRunner

from cloud_stub.__main__ import app
from cloud_stub.errors import ConfigError
from cloud_stub.hearing.artists import Catalogue, read_artists
from cloud_stub.hearing.lexicon import Lexicon
from cloud_stub.hearing.musicbrainz import read_dump

JSON = [
    {"id": "1", "name": "Nobody Much", "aliases": [], "rating": {"votes-count": 0}},
    {
        "id": "2",
        "name": "Björk",
        "aliases": [{"name": "Bjork"}, {"name": "Bjoerk"}],
        "rating": {"votes-count": 9},
    },
    {"id": "3", "name": "a | b", "aliases": [], "rating": None},
    {
        "name": "The Beatles",
        "aliases": [{"name": "F | F"}, {"name": "Beatles"}],
        "rating": {"votes-count": 99},
    },
]


def tar(path, mode, **members):
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def json_dump(path, artists=JSON):
    lines = "\n".join(json.dumps(each) for each in artists) + "\n"
    return tar(path, "w:xz", TIMESTAMP=b"x", mbdump__artist=lines.encode())


def test_the_json_dump_the_best_known_first(tmp_path):
    found = read_dump(json_dump(tmp_path / "artist.tar.xz"), 10)
    assert [each.line() for each in found] == ["The Beatles | Beatles", "Björk | Bjoerk", "Nobody Much"]
    assert len(read_dump(tmp_path / "artist.tar.xz", 2)) == 2


def test_the_tables(tmp_path):
    artists = b"1\tgid\tMiles Davis\tDavis, Miles\n2\tgid\tSade\tSade\n"
    aliases = b"7\t1\tMiles Dewey Davis\n8\t1\tMiles\n"
    dump = tar(tmp_path / "mbdump.tar.bz2", "w:bz2", mbdump__artist=artists, mbdump__artist_alias=aliases)
    assert [each.line() for each in read_dump(dump, 9)] == ["Miles Davis | Miles Dewey Davis | Miles", "Sade"]


def test_the_catalogue_of_it_links(tmp_path):
    out = tmp_path / "artists.txt"
    done = CliRunner().invoke(app, ["catalogue", str(json_dump(tmp_path / "a.tar.xz")), "--out", str(out)])
    assert done.output.strip() == f"{out}: 3 musicians, the best known The Beatles"
    linked = Catalogue(read_artists(out), Lexicon()).link("bjoerk")
    assert linked is not None
    assert linked.name == "Björk"


def test_many_are_read_as_a_stream(tmp_path):
    told = []
    many = [{"name": f"Musician {at}", "rating": {"votes-count": at % 1000}} for at in range(25_000)]
    found = read_dump(json_dump(tmp_path / "a.tar.xz", many), 5, told.append)
    assert {each.weight[0] for each in found} == {999}
    assert told == [10_000, 20_000]


def cut_short(tmp_path):
    whole = json_dump(tmp_path / "whole.tar.xz", [{"name": f"Name {at} {at * 7919}"} for at in range(5000)])
    path = tmp_path / "cut.tar.xz"
    path.write_bytes(whole.read_bytes()[:-4000])
    return path


def nothing(tmp_path):
    return tmp_path / "nothing.tar.xz"


def no_tar(tmp_path):
    path = tmp_path / "no.tar.xz"
    path.write_bytes(b"no tar at all")
    return path


def no_json(tmp_path):
    return tar(tmp_path / "a.tar.xz", "w:xz", mbdump__artist=b'{"name": "One"}\n{broken\n')


def no_name(tmp_path):
    return json_dump(tmp_path / "a.tar.xz", [{"id": 7}])


def another_dump(tmp_path):
    return tar(tmp_path / "a.tar.xz", "w:xz", mbdump__label=b"{}")


def a_way_out(tmp_path):
    return tar(tmp_path / "a.tar", "w", **{"..__..__mbdump__artist": b'{"name": "One"}\n'})


@pytest.mark.parametrize("make", [cut_short, nothing, no_tar, no_json, no_name, another_dump, a_way_out])
def test_what_is_no_dump_is_one_line(tmp_path, make):
    with pytest.raises(ConfigError, match=r"MusicBrainz|fetch the dump again") as caught:
        read_dump(make(tmp_path), 10)
    assert "\n" not in str(caught.value)

"""Text as characters."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from approxnet import data
from approxnet.errors import DataError


@hypothesis.given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=50))
def test_a_text_comes_back_character_by_character(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(text.encode("utf-8"))
    found = data.characters(path)
    assert found.codes.dtype == np.int32
    assert found.codes.shape == (len(text),)
    assert list(found.alphabet) == sorted(set(text))
    assert found.decode(found.codes) == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"must hold a character, got 0 bytes"),
        (b"abc\xe9def", r"byte 3 must be UTF-8, got 0xe9 \(invalid continuation byte\)"),
        (b"abc\xe2\x82", r"byte 3 must be UTF-8, got 0xe2 \(unexpected end of data\)"),
        (b"\x1f\x8b\x08", r"byte 1 must be UTF-8, got 0x8b"),
    ],
)
def test_what_is_no_text_is_named_with_file_and_byte(content, message, tmp_path):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.txt: " + message):
        data.characters(tmp_path / "a.txt")


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        data.characters(tmp_path / "none.txt")


@pytest.mark.parametrize("codes", [[0, -1], [2, 0]])
def test_a_code_out_of_range_is_refused(codes):
    with pytest.raises(
        DataError, match=r"codes must be from 0 to 1, got (-1 at index 1|2 at index 0)"
    ):
        data.Text(np.array([0, 1], np.int32), "ab").decode(codes)

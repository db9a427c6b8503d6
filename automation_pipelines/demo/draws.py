"""Repeatable draws: what looks random is an integer hash of (seed, table, column, row number).

No library's random numbers, whose streams change between versions. All arithmetic stays below 2^64,
so it needs no wrap-around and means the same in Polars and in plain Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload
from zlib import crc32

import polars as pl

_WORD = 1 << 32


@overload
def mix(value: int) -> int: ...
@overload
def mix(value: pl.Series) -> pl.Series: ...
def mix(value: int | pl.Series) -> int | pl.Series:
    """Scramble 32 bits into 32 bits; every input bit changes about half of the output bits."""
    value = (value ^ (value // 65_536)) * 0x7FEB352D % _WORD
    value = (value ^ (value // 32_768)) * 0x846CA68B % _WORD
    return value ^ (value // 65_536)


@dataclass(frozen=True, slots=True)
class Draws:
    """The draws of one table; a row is named by the integer column `row`."""

    seed: int
    table: str
    row: str = "id"

    def _key(self, column: str) -> int:
        return crc32(f"{self.seed}/{self.table}/{column}".encode())

    def below(self, column: str, bound: int) -> pl.Expr:
        """Draw an integer in [0, bound) for each row."""
        key = self._key(column)

        # Over whole series: as one expression each value would be written out 64 times for the optimizer.
        def drawn(rows: pl.Series) -> pl.Series:
            return (mix(mix(rows.cast(pl.UInt64)) ^ key) % bound).cast(pl.Int64)

        return pl.col(self.row).map_batches(drawn, return_dtype=pl.Int64, is_elementwise=True)

    def between(self, column: str, lowest: int, highest: int) -> pl.Expr:
        """Draw an integer from `lowest` to `highest`, both included."""
        return self.below(column, highest - lowest + 1) + lowest

    def chance(self, column: str, per_mille: int) -> pl.Expr:
        """Say yes to `per_mille` rows in a thousand."""
        return self.below(column, 1000) < per_mille

    def pick(self, column: str, values: Sequence[str | None]) -> pl.Expr:
        """Choose one of `values`; repeat a value to make it likelier."""
        return pl.lit(pl.Series(values, dtype=pl.String)).gather(self.below(column, len(values)))

    def number(self, column: str, row: int, bound: int) -> int:
        """Draw what `below` draws for one row, without a frame."""
        return mix(mix(row) ^ self._key(column)) % bound

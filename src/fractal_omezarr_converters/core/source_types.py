"""The data type of an image, from what its acquisition states or from the headers of all its sources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.core.pixel_types import promoted
from fractal_omezarr_converters.core.pixels import naming_the_source
from fractal_omezarr_converters.core.source_survey import HeaderChoice, ask_each, distinct_rows, header_of_row
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface


def data_type_of(
    acquisitions: Sequence[AcquisitionDetails],
    loaders: LoaderColumns,
    *,
    where: str,
    resource: Any = None,
    choice: HeaderChoice | None = None,
) -> tuple[str, list[str]]:
    """Give the type of an image's pixels and notes for the user.

    What is stated counts. Otherwise every distinct source (of very many, those chosen) is asked for its header; the
    smallest type that holds all is taken, and said. Sources that cannot tell without reading their pixels are asked once
    per kind of loader; that the others agree is checked when they are read.

    Raises:
        ConvertersToolsUserError: no type holds all sources, it is none of pixels, or a source cannot be read.
    """
    stated = {str(details.data_type.value) for details in acquisitions}
    if "autodetect" not in stated:
        kind = promoted(sorted(stated), where)
        return kind, _said(stated, kind, where)
    found = _types_of_sources(loaders, choice, resource)
    kind = promoted(sorted(found | (stated - {"autodetect"})), where)
    if np.dtype(kind).kind not in "buif":
        raise ConvertersToolsUserError(
            f"The sources of {where} hold numbers of the type {kind}, which an image cannot have; save real numbers."
        )
    return kind, _said(found, kind, where)


def _said(found: Iterable[str], kind: str, where: str) -> list[str]:
    distinct = sorted(set(found))
    if len(distinct) < 2:
        return []
    return [f"The sources of {where} have the data types {', '.join(distinct)}; {kind} holds all of them and is used."]


def _types_of_sources(loaders: LoaderColumns, choice: HeaderChoice | None, resource: Any) -> set[str]:
    only = None if choice is None else choice.only_header(loaders)
    if only is not None:
        return {str(np.dtype(only[1]))}
    silent: dict[type, ImageLoaderInterface] = {}
    asked = loaders.select(distinct_rows(loaders)) if choice is None else choice.stand_ins(loaders)

    def ask(row: int) -> str | None:
        header = header_of_row(asked, row, resource)
        if header is not None:
            return header[1]
        loader = asked.loader(row)
        if type(loader).find_data_type is not ImageLoaderInterface.find_data_type:
            return _type_of(loader, resource)
        silent.setdefault(type(loader), loader)
        return None

    answers = ask_each(np.arange(len(asked)), ask)
    found = {str(np.dtype(answer)) for answer in set(answers) if answer is not None}
    return found | {_type_of(loader, resource) for loader in silent.values()}


def _type_of(loader: ImageLoaderInterface, resource: Any) -> str:
    with naming_the_source(loader, resource):
        return str(np.dtype(loader.find_data_type(resource)))

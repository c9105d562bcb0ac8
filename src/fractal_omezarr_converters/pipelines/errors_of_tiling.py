"""The errors that users of the tiling strategies catch, from where they look for them."""

from fractal_omezarr_converters.errors import NotAGridError, NotTilableError

__all__ = ["NotAGridError", "NotTilableError"]

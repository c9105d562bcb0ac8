"""`python -m fractal_omezarr_converters.cli` is the command `omezarr`."""

from fractal_omezarr_converters.cli import main

if __name__ == "__main__":
    main()

"""Turn what microscopes write into OME-Zarr: Fractal tasks, Python library, command line."""

"""The files that Fractal executes, and nothing else; no file here carries the name of a library that can be imported."""

"""Train, compare and serve facial-expression classifiers."""

__version__ = '0.1.0'

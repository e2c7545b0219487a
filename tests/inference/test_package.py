import subprocess
import sys

import pytest

import fer_keras


def test_importing_the_package_loads_nothing_heavy():
    code = (
        'import fer_keras, sys; fer_keras.RunConfig(); '
        'print({"tensorflow", "keras", "numpy", "pandas"} & set(sys.modules))'
    )
    completed = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    )
    assert completed.stdout == 'set()\n'


def test_every_public_name_is_there():
    for name in fer_keras.__all__:
        assert getattr(fer_keras, name) is not None and name in dir(fer_keras)
    assert issubclass(fer_keras.MissingFileError, fer_keras.UserError)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        fer_keras.trian  # noqa: B018

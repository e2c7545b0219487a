"""Flags: made from the fields of `config`, read and shown. The only module that names absl."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from absl import flags

from fer_keras.config.data import TAUGHT_BY, DataConfig
from fer_keras.config.fields import Setting, expand_home, leaves_of, parts_of, settings_of
from fer_keras.config.flag_files import expand_flag_files
from fer_keras.config.former import GONE, modernize
from fer_keras.config.run import RunConfig
from fer_keras.errors import InvalidInputError, MissingFileError, UserError
from fer_keras.pretrained.names import locate
from fer_keras.run_dir import RunDir
from fer_keras.usage import describe

# The exit status of a command that Ctrl-C ended, as shells have it; and of a fault of ours.
INTERRUPTED, FAULT = 130, 70
_HELP = ('--help', '-help', '-h', '--helpfull', '--helpshort')
# What TensorFlow's programs take, and no run is made of.
_OF_ABSL = 'verbosity,v,logtostderr,alsologtostderr,log_dir,stderrthreshold'
_T = TypeVar('_T')
_given: frozenset[str] = frozenset()


def start(
    main: Callable[..., None],
    *configs: type,
    arguments: str = '',
    continues_run: bool = False,
    shown: Sequence[str] = (),
    needs_tensorflow: bool | Callable[..., bool] = True,
    trains: bool = False,
) -> None:
    """Reads the command line and calls `main`; what the user can mend ends without a traceback.

    Args:
        main: The command: takes an instance of each of `configs`, and with `arguments` what is left
            after the flags.
        *configs: Dataclasses whose settings are the flags.
        arguments: What may stand after the flags, for `--help`; empty: nothing.
        continues_run: The command works on a run that exists, so the flags that the run was
            trained with are read first, and the command line overrides them.
        shown: Of the flags of `RunConfig`, those that `--help` shows; empty: all.
        needs_tensorflow: Whether it loads TensorFlow, or what says so of the configs.
        trains: Whether it trains: see `load_tensorflow`.
    """
    try:
        if any(argument in _HELP for argument in sys.argv[1:]):
            print(describe(main, *configs, arguments=arguments, shown=shown))
            return
        read, rest = _read(configs, sys.argv[1:], continues_run=continues_run)
        if rest and not arguments:
            raise InvalidInputError(
                f'Everything is given by flags. Received: {rest}. An experiment, for instance, is '
                'given as --flagfile=experiments/cross.flags.'
            )
        if needs_tensorflow(*read) if callable(needs_tensorflow) else needs_tensorflow:
            # Here: importing it takes half a second, which wrong flags should not.
            from tfds_builders.quiet import load_tensorflow

            if sys.stderr.isatty():
                print('loading TensorFlow, which takes some seconds', file=sys.stderr)
            load_tensorflow(onednn=trains)
        main(*read, *([[_expand_argument(one) for one in rest]] if arguments else []))
    except KeyboardInterrupt as error:
        print(f'\n{error or "Interrupted."}', file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:
        sys.exit(_tell(error))


def _expand_argument(argument: str) -> str:
    """What stands after the flags: a file or folder, or several with commas between."""
    if os.path.lexists(argument):
        return argument
    return ','.join(map(expand_home, argument.split(',')))


def require_given(name: str, why: str, value: str) -> None:
    """Raises `InvalidInputError` where neither the command line nor a flag file gives a flag.

    Args:
        name: The flag.
        why: What it must say, and why.
        value: What its value looks like.
    """
    if name not in _given:
        raise InvalidInputError(f'`{name}` {why}. Received: none. Give --{name}={value}.')


def parse_run(arguments: Sequence[str]) -> RunConfig:
    """The configuration of another run, without touching the flags of this command.

    Args:
        arguments: As `fer_keras.train` takes them, flag files included.

    Raises:
        InvalidInputError: A flag is unknown, or their values disagree.
    """
    run: RunConfig
    try:
        (run,), rest = _read((RunConfig,), arguments)
        if rest:
            raise InvalidInputError(f'Everything is given by flags. Received: {rest}.')
    except InvalidInputError as error:
        raise InvalidInputError(f'{error} This was in: {shlex.join(arguments)}') from error
    return run


def _read(
    configs: Sequence[type], arguments: Sequence[str], *, continues_run: bool = False
) -> tuple[list[Any], list[str]]:
    """An instance of each config, and what is left after the flags."""
    global _given
    values, rest = _parse(configs, arguments)
    if continues_run:
        known = _known_of_the_model(values)
        _refuse_other_teachers(values, _parse(configs, known)[0])
        values, rest = _parse(configs, [*known, *arguments])
    _given = frozenset(name for name in values if values[name].present)
    texts, notes = modernize({name: _as_text(values[name].value) for name in _given})
    for note in notes:
        print(f'note: {note}', file=sys.stderr)
    found: list[Any] = [_build(config, texts) for config in configs]
    if not continues_run:
        _say_moved(found, arguments)
    return found, rest


def _say_moved(configs: Sequence[Any], arguments: Sequence[str]) -> None:
    """Says so where the flag file of a run that was moved begins a new one in its former place."""
    run = next((one for one in configs if isinstance(one, RunConfig)), None)
    for argument in arguments:
        file = os.path.expanduser(argument.partition('=')[2])
        folder = os.path.dirname(os.path.abspath(file))
        own = RunDir(folder)
        if run is None or not argument.startswith('--flagfile=') or file.endswith('.flags'):
            continue
        named = run.training.run_dir
        is_of_run = os.path.basename(file) == os.path.basename(own.flags_file) and own.has_begun
        if is_of_run and not os.path.exists(named):
            print(
                f'note: {file} is of a run that was moved; this begins a new one in {named}. To go '
                f'on with the moved one, give --run_dir={folder} besides.',
                file=sys.stderr,
            )


def _parse(configs: Sequence[type], arguments: Sequence[str]) -> tuple[flags.FlagValues, list[str]]:
    values = flags.FlagValues()
    values.set_gnu_getopt(True)
    for config in configs:
        for field, known in leaves_of(config):
            if field.name not in values:
                _define(values, field.name, field.default, known.help)
                if known.formerly:
                    flags.DEFINE_alias(known.formerly, field.name, flag_values=values)
    if RunConfig in configs:
        for name, gone in GONE.items():
            _define(values, name, False if gone.default == 'False' else '', gone.why)
    arguments = expand_flag_files(arguments)
    try:
        _, *rest = values(['', f'--undefok={_OF_ABSL}', *arguments], known_only=False)
    except flags.Error as error:
        raise InvalidInputError(f'{error} --help lists the flags.') from error
    return values, rest


def _define(values: flags.FlagValues, name: str, default: Any, help: str) -> None:
    """A flag of the type of its default; what is allowed is the dataclass's to check."""
    if isinstance(default, bool):
        flags.DEFINE_bool(name, None, help, flag_values=values)
    elif isinstance(default, tuple):
        flags.DEFINE_list(name, None, help, flag_values=values)
    else:
        flags.DEFINE_string(name, None, help, flag_values=values)


def _build(config: type[_T], texts: dict[str, str]) -> _T:
    """The dataclass with the values that were given, as text, and its defaults."""
    found: dict[str, Any] = {}
    for name, part in parts_of(config).items():
        found[name] = _build(part, texts)
    for field, known in settings_of(config):
        if field.name in texts:
            value = _convert(field, known, texts[field.name])
            # Here too: what is typed is meant, also where it is the default.
            is_one_path = known.is_path and isinstance(value, str)
            found[field.name] = expand_home(value) if is_one_path else value
    return config(**found)


def _convert(field: dataclasses.Field[Any], known: Setting, text: str) -> Any:
    default: Any = field.default
    kind: Any = type(default)
    try:
        if kind is bool:
            return {'true': True, 'false': False}[text.lower()]
        if kind is tuple:
            element = type(default[0]) if default else str
            return tuple(element(one) for one in text.split(',') if one)
        if kind is str:
            return text
        return kind(text)
    except (ValueError, KeyError) as error:
        what = {bool: 'true or false', int: 'a whole number', float: 'a number'}
        allowed = f', {known.range}' if known.range else ''
        raise InvalidInputError(
            f'`{field.name}` must be {what.get(kind, "values with commas between")}{allowed}. '
            f'Received: --{field.name}={text}.'
        ) from error


def _as_text(value: Any) -> str:
    return ','.join(value) if isinstance(value, list) else str(value)


def _known_of_the_model(values: flags.FlagValues) -> list[str]:
    """What a command on a model need not be told: the flags of its run, or who taught it."""
    file = _flags_of_the_run(values)
    if file:
        return [f'--flagfile={file}']
    # Here: hashes need NumPy, which `--help` does not.
    from fer_keras.provenance.storage import find_record

    record = find_record(values['model'].value or '')
    if record is None:
        return []
    taught = {
        'source': ','.join(record.sources),
        'hog_source': ','.join(record.hog_sources),
        'fold': record.fold,
    }
    return [f'--{name}={value}' for name, value in taught.items()]


def _refuse_other_teachers(values: flags.FlagValues, known: flags.FlagValues) -> None:
    """Raises where the command line says again, and otherwise, what a model was trained on."""
    for field, _ in leaves_of(DataConfig):
        name = field.name
        if name not in TAUGHT_BY or name not in values or not known[name].present:
            continue
        said, is_so = values[name].value, known[name].value
        if values[name].present and said != is_so:
            raise InvalidInputError(
                f'`{name}` is a part of what the model was trained on, which cannot be said '
                f'again: --{name}={is_so}. Received: --{name}={said}. Leave it out.'
            )


def _flags_of_the_run(values: flags.FlagValues) -> str:
    """`flags.txt` of the run that the command line names; empty: its model lies in no run."""
    model = values['model'].value if 'model' in values else ''
    if model:
        path = pathlib.Path(locate(model)).expanduser().absolute()
        # RUN, RUN/saved_model/1, RUN/checkpoints/best.keras
        files = [RunDir(str(folder)).flags_file for folder in [path, *path.parents][:3]]
        return next(filter(os.path.isfile, files), '')
    folder = values['run_dir'].value or RunConfig().training.run_dir
    file = RunDir(os.path.expanduser(folder)).flags_file
    if not os.path.isfile(file):
        raise MissingFileError(
            f'no run in that folder: {file} is missing. Give the folder that '
            '`python -m fer_keras.train --run_dir=...` wrote.'
        )
    return file


def _tell(error: Exception) -> int:
    """Prints what went wrong; returns the exit status."""
    if isinstance(error, BrokenPipeError):  # Whoever read along has gone.
        sys.stdout = open(os.devnull, 'w')  # noqa: SIM115
        return 0
    if isinstance(error, UserError):
        print(f'error: {error}', file=sys.stderr)
        return 2
    # Here: it brings TFDS along, which `--help` need not wait for.
    from tfds_builders.errors import BuilderError, describe_machine_error

    told = str(error) if isinstance(error, BuilderError) else describe_machine_error(error)
    if told:
        print(f'error: {told}', file=sys.stderr)
        return 2
    traceback.print_exception(error)
    print(
        'This is a fault of fer_keras, not of what you typed. Please report it, with the lines '
        'above and the command.',
        file=sys.stderr,
    )
    return FAULT

"""Flags: define, read, write back. The only module that names `absl.flags`.

Defaults live in `fer_keras.config`; the ranges and choices here check one flag at a time, and the
dataclasses check what the values mean together.
"""

from __future__ import annotations

import dataclasses
import logging as python_logging
import os
import pathlib
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from absl import app, flags, logging

from fer_keras.config import run as config
from fer_keras.config.run import DataConfig, ModelConfig, RunConfig, TrainingConfig
from fer_keras.run_dir import RunDir

FLAGS = flags.FLAGS
# The exit status of a command that Ctrl-C ended, as shells have it.
INTERRUPTED = 130
# What `fer_keras.train` also takes and no run is made of.
_OF_ABSL = 'verbosity,v,logtostderr,alsologtostderr,log_dir,stderrthreshold'
_Part = TypeVar('_Part', DataConfig, ModelConfig, TrainingConfig)


def define_data() -> None:
    """Defines a flag for each field of `DataConfig`."""
    flags.DEFINE_string('data_dir', DataConfig.data_dir, 'Folder of the prepared data sets.')
    flags.DEFINE_string(
        'source', DataConfig.source, 'Data set to train on, `name/config`; a comma pools several.'
    )
    flags.DEFINE_string(
        'shallow_source',
        DataConfig.shallow_source,
        'Data sets besides the source, all of whose images the shallow branch learns from.',
    )
    flags.DEFINE_string(
        'target', DataConfig.target, 'Data set to test on, `name/config`. Empty: the source.'
    )
    flags.DEFINE_enum(
        'target_split',
        DataConfig.target_split,
        config.TARGET_SPLITS,
        'People of the target to test on; `all` only where none of them was trained on.',
    )
    flags.DEFINE_integer(
        'image_size_px', DataConfig.image_size_px, 'Side of the square input, pixels.', 32, 1024
    )
    flags.DEFINE_integer('batch_size', DataConfig.batch_size, 'Global batch, images.', 1)
    flags.DEFINE_enum(
        'augmentation',
        DataConfig.augmentation,
        config.AUGMENTATIONS,
        'How strongly training images are varied.',
    )
    flags.DEFINE_integer(
        'fold',
        DataConfig.fold,
        'Fold that is tested, 0 to 9; -1: the own split of the data.',
        -1,
        9,
    )
    flags.DEFINE_bool('cache', DataConfig.cache, 'Keep decoded, resized images in memory.')
    flags.DEFINE_enum(
        'balance',
        DataConfig.balance,
        config.BALANCES,
        'Have each class count alike, however many images it has: draw it equally often, or weight '
        'the training loss.',
    )
    flags.DEFINE_float(
        'mixup_alpha',
        DataConfig.mixup_alpha,
        'Mix images in pairs (Zhang 2018), by shares of Beta(alpha, alpha); 0 is off.',
        0.0,
    )
    flags.DEFINE_float(
        'cutmix_alpha',
        DataConfig.cutmix_alpha,
        'The same with a rectangle of the other image (Yun 2019); 0 is off.',
        0.0,
    )
    flags.DEFINE_string(
        'saliency_cache',
        DataConfig.saliency_cache,
        'Where the maps of a frozen saliency model are kept: `memory`, a folder, or `none`, which '
        'makes them anew in each step, of the augmented image.',
    )
    flags.DEFINE_bool(
        'report_images',
        DataConfig.report_images,
        'Show faces in the report. Only where the licence of the data set allows it.',
    )


def define_model() -> None:
    """Defines a flag for each field of `ModelConfig`."""
    flags.DEFINE_string('backbone', ModelConfig.backbone, 'A key of `models.backbones.BACKBONES`.')
    flags.DEFINE_string(
        'backbone_weights',
        ModelConfig.backbone_weights,
        '`imagenet` (downloaded), `none`, or the path of a weights file without the top.',
    )
    flags.DEFINE_string(
        'saliency',
        ModelConfig.saliency,
        '`none`, a key of `models.saliency.SALIENCY_KINDS`, `saved_model:/path`, `folder:/maps`.',
    )
    flags.DEFINE_string(
        'saliency_weights', ModelConfig.saliency_weights, 'Weights file of the saliency model.'
    )
    flags.DEFINE_enum('fusion', ModelConfig.fusion, config.FUSIONS, 'How the map enters the image.')
    flags.DEFINE_float(
        'fusion_strength', ModelConfig.fusion_strength, 'Share of the product in `blend`.', 0.0, 1.0
    )
    flags.DEFINE_enum('color', ModelConfig.color, config.COLORS, 'What the backbone sees.')
    flags.DEFINE_float(
        'crop',
        ModelConfig.crop,
        'Share of the side of the image, about its centre, that the network sees.',
        0.1,
        1.0,
    )
    flags.DEFINE_float('dropout', ModelConfig.dropout, 'Dropout before the head.', 0.0, 0.95)
    flags.DEFINE_bool(
        'average_mirrored',
        ModelConfig.average_mirrored,
        'At test, let the backbone answer for the face and its mirror image: twice the cost.',
    )
    flags.DEFINE_bool(
        'shallow_branch',
        ModelConfig.shallow_branch,
        'Decide together with a linear classifier of histograms of oriented gradients, which is '
        'fitted before the first step.',
    )


def define_training() -> None:
    """Defines a flag for each field of `TrainingConfig`."""
    flags.DEFINE_string('run_dir', TrainingConfig.run_dir, 'Folder that the run writes to.')
    flags.DEFINE_integer('epochs', TrainingConfig.epochs, 'Epochs of both stages together.', 1)
    flags.DEFINE_integer(
        'head_epochs', TrainingConfig.head_epochs, 'First epochs, with a frozen backbone.', 0
    )
    flags.DEFINE_float(
        'head_learning_rate', TrainingConfig.head_learning_rate, 'Rate of the first stage.', 0.0
    )
    flags.DEFINE_float(
        'learning_rate',
        TrainingConfig.learning_rate,
        'Peak rate of the second stage; it decays to zero along a cosine.',
        0.0,
    )
    flags.DEFINE_float('weight_decay', TrainingConfig.weight_decay, 'Decoupled weight decay.', 0.0)
    flags.DEFINE_string(
        'group_rates',
        TrainingConfig.group_rates,
        'Factors of the rate for groups of backbone layers, image to head: `0.1,0.3,1`.',
    )
    flags.DEFINE_enum(
        'optimizer',
        TrainingConfig.optimizer,
        config.OPTIMIZERS,
        'AdamW, or SGD with Nesterov momentum 0.9, which wants rates a hundred times higher.',
    )
    flags.DEFINE_float(
        'sam_radius',
        TrainingConfig.sam_radius,
        'Radius of sharpness-aware minimisation (Foret 2021), at twice the cost; 0 is off.',
        0.0,
    )
    flags.DEFINE_float(
        'clip_norm', TrainingConfig.clip_norm, 'Largest norm of the gradient; 0 is off.', 0.0
    )
    flags.DEFINE_float(
        'label_smoothing',
        TrainingConfig.label_smoothing,
        'Mass spread over all classes in the training loss.',
        0.0,
        0.9,
    )
    flags.DEFINE_float(
        'focal_gamma',
        TrainingConfig.focal_gamma,
        'Focus of the training loss on images that are still wrong (Lin 2017); 0 is cross-entropy.',
        0.0,
    )
    flags.DEFINE_bool(
        'freeze_batch_norm',
        TrainingConfig.freeze_batch_norm,
        'Keep batch normalisation as it was pretrained, in both stages.',
    )
    flags.DEFINE_float(
        'ema_momentum',
        TrainingConfig.ema_momentum,
        'Momentum of the averaged weights that are validated and kept; 0 is off.',
        0.0,
        0.9999,
    )
    flags.DEFINE_integer(
        'patience', TrainingConfig.patience, 'Epochs without a better `monitor` to stop after.', 1
    )
    flags.DEFINE_integer(
        'steps_per_call', TrainingConfig.steps_per_call, 'Steps in one call of the graph.', 1
    )
    flags.DEFINE_integer(
        'accumulate',
        TrainingConfig.accumulate,
        'Parts in which a replica takes its share of a batch, where its memory is too small.',
        1,
    )
    flags.DEFINE_enum(
        'precision',
        TrainingConfig.precision,
        config.PRECISIONS,
        'Of the layers; variables stay float32. mixed_float16 scales the loss. auto measures.',
    )
    flags.DEFINE_bool(
        'xla',
        TrainingConfig.xla,
        'Compile the gradient with XLA: for GPUs; on CPUs it was seven times slower.',
    )
    flags.DEFINE_integer(
        'checkpoint_steps',
        TrainingConfig.checkpoint_steps,
        'Steps between saved states; each epoch ends with one in any case. 0: only there.',
        0,
    )
    flags.DEFINE_enum(
        'monitor',
        TrainingConfig.monitor,
        config.MONITORS,
        "What chooses the epoch, always on the source's validation split.",
    )
    flags.DEFINE_integer('seed', TrainingConfig.seed, 'Seed of everything drawn at random.', 0)
    flags.DEFINE_bool(
        'deterministic', TrainingConfig.deterministic, 'Repeat bit by bit, at some cost in speed.'
    )
    flags.DEFINE_enum(
        'strategy', TrainingConfig.strategy, config.STRATEGIES, 'How `tf.distribute` is used.'
    )


def define_comparison() -> None:
    """Defines the flags of `fer_keras.compare`."""
    flags.DEFINE_string('evaluation', '', 'Report inside each run; empty: on its own target.')
    flags.DEFINE_string('output', '', 'CSV file to write the table to.')


def define_human_confusions() -> None:
    """Defines the flag of `fer_keras.human_confusions`."""
    flags.DEFINE_string('evaluation', '', 'Report inside the run; empty: on its own target.')


def define_duplicates(largest_distance: int) -> None:
    """Defines the flags of `fer_keras.find_duplicates`."""
    flags.DEFINE_string('data_dir', DataConfig.data_dir, 'Folder of the prepared data sets.')
    flags.DEFINE_string('output', '', 'CSV file to write the pairs to.')
    flags.DEFINE_integer(
        'largest_distance', largest_distance, 'Bits in which a pair may differ, of 255.', 0, 255
    )


def define_prediction() -> None:
    """Defines the flags of `fer_keras.predict`."""
    flags.DEFINE_string('model', '', 'Run folder, .keras file in one, or SavedModel.')
    flags.DEFINE_list(
        'input', [], 'Pictures, videos, folders, patterns, or `camera:0`, with commas between.'
    )
    flags.DEFINE_string('output', 'predictions.csv', 'File to write, .csv or .jsonl.')
    flags.DEFINE_string('overlay_dir', '', 'Folder for pictures with boxes and labels.')
    flags.DEFINE_bool('crops', False, 'The pictures are face crops: do not look for faces.')
    flags.DEFINE_bool(
        'small_faces',
        True,
        'Look for faces down to a 25th of the longer side; without, to an 11th, in a third of '
        'the time.',
    )
    flags.DEFINE_integer('every', 1, 'Use every so manyth frame of a video.', 1)
    flags.DEFINE_integer('max_frames', 0, 'Used frames of a video or camera; 0: all.', 0)
    flags.DEFINE_integer('batch_size', 8, 'Pictures at a time.', 1)


def define_demo_app() -> None:
    """Defines the flags of `fer_keras.demo_app`."""
    flags.DEFINE_string('model', '', 'Run folder, .keras file in one, or SavedModel.')
    flags.DEFINE_string('host', '127.0.0.1', 'Address to listen on; 0.0.0.0 is everywhere.')
    flags.DEFINE_integer('port', 7860, 'Port to listen on; 0: a free one.', 0, 65535)
    flags.DEFINE_integer('largest_upload_mb', 10, 'Largest file that is taken, MB.', 1)


def define_protocol(defaults: Any) -> None:
    """Defines a flag for each field of `ProtocolConfig`, which `defaults` is."""
    flags.DEFINE_string('output', defaults.output, 'Folder of all the runs, and of the tables.')
    flags.DEFINE_list('experiments', list(defaults.experiments), 'Flag files.')
    flags.DEFINE_list('variants', list(defaults.variants), '`name: flags`; the first is compared.')
    flags.DEFINE_list('seeds', [str(seed) for seed in defaults.seeds], 'One run each.')
    flags.DEFINE_integer('folds', defaults.folds, 'Folds tested in turn; 0: the own split.', 0, 10)
    flags.DEFINE_list('targets', list(defaults.targets), '`name/config split`, tested as well.')
    flags.DEFINE_list('data_sets', list(defaults.data_sets), '`name/config`, of a cross matrix.')
    flags.DEFINE_string('flags', defaults.flags, 'Flags for every run: `--data_dir=DATA`.')


def read_protocol(kind: Callable[..., Any]) -> Any:
    """Builds a `ProtocolConfig`, which `kind` is, from the parsed flags."""
    return kind(
        output=FLAGS.output,
        experiments=tuple(FLAGS.experiments),
        variants=tuple(FLAGS.variants),
        seeds=tuple(int(seed) for seed in FLAGS.seeds),
        folds=FLAGS.folds,
        targets=tuple(FLAGS.targets),
        data_sets=tuple(FLAGS.data_sets),
        flags=FLAGS['flags'].value,
    )


def define_evaluation() -> None:
    """Defines the flags of `fer_keras.evaluate` beside those of a run."""
    flags.DEFINE_string('model', '', 'Instead of --run_dir: run folder, .keras file or SavedModel.')
    flags.DEFINE_string('output', '', 'Folder of the report on --model.')


def define_export() -> None:
    """Defines the flags of `fer_keras.export` beside those of a run."""
    flags.DEFINE_list('formats', ['saved_model'], 'What to write: saved_model, tflite, onnx.')
    flags.DEFINE_bool('check', False, 'Compare what was written with the graph that was trained.')
    flags.DEFINE_integer(
        'calibration_images', 100, 'Training images on which the ranges of int8 are measured.', 1
    )


def define_explanation() -> None:
    """Defines the flags of `fer_keras.explain`."""
    flags.DEFINE_string('run_dir', TrainingConfig.run_dir, 'Folder of a trained run.')
    flags.DEFINE_string('output', 'explanations', 'Folder to write to.')


def define_run() -> None:
    """Defines the flags of a whole run."""
    define_data()
    define_model()
    define_training()


def read_run() -> RunConfig:
    """Builds the configuration from the parsed flags; raises `ValueError` where they disagree."""
    return _read_run(FLAGS)


def parse_run(arguments: Sequence[str]) -> RunConfig:
    """The configuration of another run, without touching the flags of this command.

    Args:
        arguments: As `fer_keras.train` takes them, flag files included.

    Raises:
        ValueError: A flag is unknown, or their values disagree.
    """
    before = set(FLAGS)
    define_run()
    values = flags.FlagValues()
    for name in set(FLAGS) - before:
        values[name] = FLAGS[name]
        delattr(FLAGS, name)
    try:
        _, *rest = values(['fer_keras.train', f'--undefok={_OF_ABSL}', *arguments])
        if rest:
            raise ValueError(f'Everything is given by flags. Received: {rest}.')
        return _read_run(values)
    except (flags.Error, ValueError) as error:
        raise ValueError(f'{error} This was in: {shlex.join(arguments)}') from error


def start(main: Callable[[], None], *, continues_run: bool = False) -> None:
    """Parses the command line and calls `main`; what the user can mend ends without a traceback.

    Args:
        main: The command; reads its configuration from the flags.
        continues_run: The command works on a run that exists, so the flags that the run was
            trained with are read first and the command line overrides them.
    """
    argv = _with_flags_of_the_run(sys.argv) if continues_run else sys.argv

    def main_without_arguments(arguments: Sequence[str]) -> None:
        if arguments:
            raise ValueError(
                f'Everything is given by flags. Received: {list(arguments)}. An experiment, for '
                'instance, is given as --flagfile=experiments/cross.flags.'
            )
        main()

    app.run(lambda argv: _call(main_without_arguments, argv[1:]), argv=argv)


def start_with_arguments(main: Callable[[Sequence[str]], None]) -> None:
    """As `start`, for a command whose `main` takes what is left after the flags."""
    app.run(lambda argv: _call(main, argv[1:]))


def _call(main: Callable[[Sequence[str]], None], arguments: Sequence[str]) -> None:
    if not FLAGS['verbosity'].present:
        logging.set_verbosity(logging.WARNING)
    # TensorFlow and absl would otherwise print each message twice.
    python_logging.getLogger('tensorflow').propagate = False
    try:
        main(arguments)
    except KeyboardInterrupt as error:
        print(f'\n{error or "Interrupted."}', file=sys.stderr)
        sys.exit(INTERRUPTED)
    except (ValueError, OSError) as error:
        if FLAGS.is_parsed() and logging.get_verbosity() >= logging.DEBUG:
            raise
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)


def _read_run(values: flags.FlagValues) -> RunConfig:
    def read(part: type[_Part]) -> _Part:
        given: dict[str, Any] = {
            field.name: values[field.name].value for field in dataclasses.fields(part)
        }
        return part(**given)

    return RunConfig(read(DataConfig), read(ModelConfig), read(TrainingConfig))


def _with_flags_of_the_run(argv: Sequence[str]) -> list[str]:
    """Puts `--flagfile=RUN/flags.txt` before the arguments, so that these win."""
    command, *arguments = argv
    for position, argument in enumerate(arguments):
        name, is_complete, value = argument.lstrip('-').partition('=')
        given = value if is_complete else ''.join(arguments[position + 1 : position + 2])
        if name == 'model' and given:
            path = _flags_file_around(given)
            return [command, f'--flagfile={path}', *arguments] if path else list(argv)
        if name == 'run_dir':
            path = RunDir(given).flags_file
            if not os.path.isfile(path):
                raise SystemExit(
                    f'error: no run in that folder: {path} is missing. '
                    'Give the folder that `python -m fer_keras.train --run_dir=...` wrote.'
                )
            return [command, f'--flagfile={path}', *arguments]
    return list(argv)


def _flags_file_around(model: str) -> str:
    """`flags.txt` of the run folder that a model lies in; empty where it lies in none."""
    path = pathlib.Path(model).expanduser().absolute()
    # RUN, RUN/saved_model/1, RUN/checkpoints/best.keras
    for folder in [path, *path.parents][:3]:
        file = RunDir(str(folder)).flags_file
        if os.path.isfile(file):
            return file
    return ''

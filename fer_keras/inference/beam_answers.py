"""Answers on Apache Beam, which the extra `beam` installs.

An element of the pipeline is a shard, a name and a few numbers, so that the pipeline stays small
for any number of files, and so do the collections between its steps: pictures and rows never leave
the process that reads them. `RunInference` loads the classifier once in each process, for all its
threads, and gives it shards one at a time; pictures are batched within a shard, as by the ordinary
command. Its own batching of pictures would need them decoded in collections, in an order that Beam
does not keep, and rows of a shard brought together again by a shuffle.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, RunInference

from fer_keras.config.inference import PredictionConfig
from fer_keras.errors import InvalidInputError
from fer_keras.inference.shard_plan import DETECTOR, Shard, ShardPlan
from tfds_builders.detectors import describe

if TYPE_CHECKING:
    # TensorFlow, which a worker loads in its own way.
    from fer_keras.inference.predictor import Predictor

# In what Beam adds to an error of this process, or in the traceback of another, which is a text.
_WHAT_A_USER_CAN_MEND = re.compile(
    r'^(?:fer_keras|tfds_builders)\.errors\.\w+: (.+?)(?: \[while running .*)?$', re.MULTILINE
)


class ShardHandler(ModelHandler):
    """Loads a classifier and answers shards, for `RunInference`.

    >>> plan = ShardPlan('/answers', 'wild', '0a', {})
    >>> ShardHandler(plan, PredictionConfig()).batch_elements_kwargs()['max_batch_size']
    1
    """

    def __init__(self, plan: ShardPlan, config: PredictionConfig) -> None:
        """Loads nothing yet.

        Args:
            plan: Which files are in which shard.
            config: How they are read and searched.
        """
        super().__init__(min_batch_size=1, max_batch_size=1)
        self._plan = plan
        self._config = config

    def load_model(self) -> Predictor:
        """The classifier; Beam shares it among the threads of a process.

        Raises:
            InvalidInputError: The detector of this machine is another one.
        """
        from fer_keras.inference.predictor import load

        predictor = load(self._plan.model, detector=self._config.detector)
        planned = self._plan.settings.get(DETECTOR)
        if not self._config.crops and planned not in (None, predictor.detector.identity):
            raise InvalidInputError(
                f'{predictor.detector.path} must be the same file on all machines: '
                f'{describe(str(planned))}. Received: {describe(predictor.detector.identity)}.'
            )
        return predictor

    def run_inference(
        self,
        batch: Sequence[Shard],
        model: Predictor,
        inference_args: dict[str, Any] | None = None,
    ) -> list[str]:
        """Writes the shards; returns their names."""
        from fer_keras.inference.shard_writing import write_shard

        for shard in batch:
            write_shard(model, self._plan, shard, self._config)
        return [shard.name for shard in batch]


def write_shards(
    shards: Sequence[Shard], plan: ShardPlan, config: PredictionConfig, options: Any
) -> None:
    """Writes shards, and waits until it is done.

    Args:
        shards: Which.
        plan: Which files are in which shard.
        config: How they are read and searched.
        options: `PipelineOptions` of Beam.

    Raises:
        InvalidInputError: A worker met with what the user can mend.
    """
    try:
        with beam.Pipeline(options=options) as pipeline:
            _ = (
                pipeline
                | 'ListShards' >> beam.Create(shards)
                | 'SpreadShards' >> beam.Reshuffle()
                | 'AnswerShards' >> RunInference(ShardHandler(plan, config))
            )
    except Exception as error:
        told = _WHAT_A_USER_CAN_MEND.search(''.join(traceback.format_exception_only(error)))
        if told is None:
            raise
        raise InvalidInputError(told[1]) from error

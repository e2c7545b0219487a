"""Tests a trained run, a `.keras` file of one or a SavedModel on any prepared data set.

`python -m fer_keras.evaluate --run_dir=RUN --target=rafd/frontal_faces --target_split=all`
`python -m fer_keras.evaluate --model=RUN/saved_model --output=REPORT --target=... --data_dir=...`
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.evaluation.printing import print_report
from fer_keras.evaluation.report import evaluate, evaluate_model
from fer_keras.inference.predictor import load
from fer_keras.run_dir import RunDir


def main() -> None:
    """Tests the best epoch on the target and writes a report of its own."""
    run, options = flags.read_run(), flags.FLAGS
    if bool(options.model) != bool(options.output):
        raise ValueError(
            '`model` and `output` belong together: the report of a model outside its run needs a '
            f'folder. Received: model={options.model!r}, output={options.output!r}.'
        )
    if options.model:
        if not options['source'].present:
            raise ValueError(
                '`source` must name what the model was trained on, since whom it knows must not be '
                f'tested: {options.model} lies in no run folder that says so. Give '
                '--source=NAME/CONFIG.'
            )
        print_report(evaluate_model(load(options.model), run.data, options.output), options.output)
        return
    run_dir = RunDir(run.training.run_dir)
    name = '_'.join([*run.data.target_name.split('/'), run.data.target_split])
    metrics = evaluate(run, run_dir, run_dir.report_dir(name))
    print_report(metrics, run_dir.report_dir(name))


if __name__ == '__main__':
    flags.define_run()
    flags.define_evaluation()
    flags.start(main, continues_run=True)

"""Tests a trained run, a `.keras` file of one or a SavedModel on any prepared data set.

`python -m fer_keras.evaluate --run_dir=RUN --target=rafd/frontal_faces --target_split=all`
`python -m fer_keras.evaluate --model=RUN/saved_model --output=REPORT --target=... --data_dir=...`
"""

from __future__ import annotations

from fer_keras import flags
from fer_keras.config.evaluation import OF_A_TEST, EvaluationConfig
from fer_keras.config.run import RunConfig
from fer_keras.run_dir import RunDir, evaluation_name


def main(run: RunConfig, options: EvaluationConfig) -> None:
    """Tests the best epoch on the target and writes a report of its own."""
    from fer_keras.evaluation.printing import print_report
    from fer_keras.evaluation.report import evaluate, evaluate_model
    from fer_keras.inference.predictor import load

    if options.model:
        flags.require_given(
            'source',
            'must name what the model was trained on, since whom it knows must not be tested: '
            f'{options.model} has no record of that and lies in no run folder that says so',
            'NAME/CONFIG',
        )
        report_dir = options.output
        metrics = evaluate_model(load(options.model), run.data, report_dir)
    else:
        run_dir, data = RunDir(run.training.run_dir), run.data
        report_dir = run_dir.report_dir(evaluation_name(data.target_name, data.target_split))
        metrics = evaluate(run, run_dir, report_dir)
    print_report(metrics, report_dir)


if __name__ == '__main__':
    flags.start(main, RunConfig, EvaluationConfig, continues_run=True, shown=OF_A_TEST)

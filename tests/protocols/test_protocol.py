import json
import os
import re
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer_keras import protocol
from fer_keras.config.data import DataConfig
from fer_keras.config.fields import as_flags
from fer_keras.config.protocol import ProtocolConfig
from fer_keras.config.run import RunConfig
from fer_keras.data.batches import evaluation_batches
from fer_keras.data.datasets import open_dataset
from fer_keras.data.splits import read_split
from fer_keras.evaluation.document import Paragraph, ReportFigure
from fer_keras.flags import INTERRUPTED, parse_run
from fer_keras.models.external_saliency import TRUSTED
from fer_keras.protocols import runner
from fer_keras.protocols.jobs import list_jobs, report_name
from fer_keras.protocols.number_blocks import number_warnings
from fer_keras.protocols.protocol_dir import ProtocolDir
from fer_keras.protocols.run_blocks import blocks_of_first_runs
from fer_keras.protocols.runner import run_job
from fer_keras.protocols.summary import cross_matrix, read_tables, summarize
from fer_keras.run_dir import RunDir
from fer_keras.training import session
from tests.fakes import BASIC, tiniest_model, write_dataset
from tests.test_end_to_end import TRAIN, run


@pytest.fixture
def config(tmp_path):
    for name in ('cross', 'reverse'):
        (tmp_path / f'{name}.flags').write_text('--epochs=1\n--head_epochs=0\n')
    return ProtocolConfig(
        output=str(tmp_path / 'out'),
        experiments=(str(tmp_path / 'cross.flags'), str(tmp_path / 'reverse.flags')),
        variants=('plain:', 'center: --saliency=center --fusion=blend'),
        seeds=(0, 1),
        targets=('other/faces all',),
    )


def write_report(
    run_dir, name, share, seed, *, absent=(), left_out=0, prefix='', images_each=4, is_named=True
):
    """What a finished test leaves: `share` of 40 images, by default of 10 people, recognised."""
    folder = RunDir(run_dir).report_dir(name)
    os.makedirs(folder, exist_ok=True)
    right = np.random.default_rng(seed).random(40) < share
    labels = np.array(['happy', 'sad'])[np.arange(40) % 2]
    wrong = absent or np.array(['sad', 'happy'])[np.arange(40) % 2]
    rows = pd.DataFrame(
        {
            'file_name': [f'{i}.png' for i in range(40)],
            'subject_id': [f'{prefix}s{i // images_each}' if is_named else '' for i in range(40)],
            'label': labels,
            'predicted': np.where(right, labels, wrong),
            'gender': np.where(np.arange(40) < 20, 'female', 'male'),
        }
    )
    for number, one in enumerate(('happy', 'sad', *absent)):
        # Whatever is decided, the true class is the better of the two that the images have.
        likely = np.where(rows['predicted'] == one, 0.6, np.where(labels == one, 0.3, 0.1))
        rows.insert(5 + number, f'p_{one}', likely)
    rows.to_csv(os.path.join(folder, 'predictions.csv'), index=False)
    metrics = {
        'classes': ['happy', 'sad', *absent],
        'classes_absent': list(absent),
        'images_of_other_classes_left_out': left_out,
    }
    with open(os.path.join(folder, 'metrics.json'), 'w', encoding='utf-8') as file:
        json.dump(metrics, file)
    return right.mean()


def check_jobs(jobs):
    runner.check_jobs(jobs, parse_run)


def test_every_experiment_variant_and_seed_has_its_own_folder_and_flags(config):
    jobs = list_jobs(config)
    assert len({job.run_dir for job in jobs}) == len(jobs) == 8
    last = jobs[-1]
    assert last.run_dir.endswith('reverse-center-seed1')
    assert {'--saliency=center', '--fusion=blend', '--seed=1', '--fold=-1'} <= set(last.flags)
    assert '--saliency=center' not in jobs[0].flags


def test_folds_multiply_the_runs(config):
    jobs = list_jobs(ProtocolConfig(**{**vars(config), 'folds': 3}))
    assert len(jobs) == 24 and jobs[2].run_dir.endswith('plain-seed0-fold2')


def test_what_is_finished_is_not_run_again(config, monkeypatch):
    ran = []

    def pretend(module, *arguments):
        run_dir = next(a.partition('=')[2] for a in arguments if a.startswith('--run_dir'))
        ran.append((module, os.path.basename(run_dir)))
        write_report(run_dir, '' if module == 'train' else 'other_faces_all', 0.5, 0)

    monkeypatch.setattr(runner, '_run', pretend)
    job = list_jobs(config)[0]
    run_job(job)
    assert ran == [('train', 'cross-plain-seed0'), ('evaluate', 'cross-plain-seed0')]
    run_job(job)
    assert len(ran) == 2
    os.remove(os.path.join(RunDir(job.run_dir).report_dir('other_faces_all'), 'metrics.json'))
    run_job(job)
    assert ran[2:] == [('evaluate', 'cross-plain-seed0')]


@pytest.fixture
def prepared(config, tmp_path):
    """The protocol on data sets that exist."""
    people = {'train': 2, 'validation': 1, 'test': 1}
    write_dataset(tmp_path, names=('happy', 'neutral'), people=people)
    write_dataset(tmp_path, name='other', names=('happy', 'sad'), people={'test': 1})
    write_dataset(tmp_path, name='strange', names=('sad',), people={'test': 1})
    flags = f'--data_dir={tmp_path} --source=fake'
    return {**vars(config), 'targets': ('other all',), 'flags': flags}


def test_what_would_end_a_protocol_late_is_found_before_it_begins(prepared):
    check_jobs(list_jobs(ProtocolConfig(**prepared)))
    for wrong, match in (
        ({'targets': ('strange all',)}, 'must hold images of'),
        ({'targets': ('other validation',)}, '`split` must be one of'),
        ({'targets': ('fake all',)}, '`target_split` must be `test`'),
        ({'variants': ('plain:', 'typo: --salincy=center')}, 'salincy.*seed=0'),
        ({'variants': ('plain:', 'typo: saliency=center')}, "flags. Received: .'saliency=center'"),
        ({'variants': ('plain:', 'typo: --saliency=centre')}, 'centre'),
        ({'variants': ('plain:', 'typo: --backbone=resnet')}, 'resnet'),
    ):
        with pytest.raises(ValueError, match=match):
            check_jobs(list_jobs(ProtocolConfig(**{**prepared, **wrong})))
    for wrong in (
        {'targets': ('nowhere all',)},
        {'variants': ('a: --hog_branch --hog_source=nowhere',)},
        {'variants': ('a: --saliency=saved_model:/nowhere',)},
    ):
        with pytest.raises(FileNotFoundError, match='nowhere'):
            check_jobs(list_jobs(ProtocolConfig(**{**prepared, **wrong})))
    with pytest.raises(ValueError, match='a folder of its own'):
        check_jobs(2 * list_jobs(ProtocolConfig(**prepared))[:1])


def test_whom_a_protocol_names_for_saliency_it_trusts(prepared, tmp_path, monkeypatch):
    (tmp_path / 'real').mkdir()
    (tmp_path / 'real/saved_model.pb').touch()
    (tmp_path / 'link').symlink_to('real')
    monkeypatch.delenv(TRUSTED, raising=False)
    variants = (f'own: --saliency=saved_model:{tmp_path}/link',)
    check_jobs(list_jobs(ProtocolConfig(**{**prepared, 'variants': variants})))
    assert str(tmp_path / 'real') in os.environ[TRUSTED].split(os.pathsep)


def test_a_finished_run_of_other_flags_is_not_taken_for_this_one(prepared):
    jobs = list_jobs(ProtocolConfig(**prepared))
    RunDir(jobs[0].run_dir).claim(as_flags(parse_run(jobs[0].flags)))
    write_report(jobs[0].run_dir, '', 0.5, 0)
    check_jobs(jobs)
    Path(prepared['experiments'][0]).write_text('--epochs=2\n--head_epochs=0\n')
    with pytest.raises(FileExistsError, match='other flags.*--epochs=2.*Choose another'):
        check_jobs(list_jobs(ProtocolConfig(**prepared)))


def test_a_command_that_is_interrupted_ends_as_the_protocol_expects():
    assert runner._INTERRUPTED == INTERRUPTED


def test_a_failed_run_says_how_to_go_on(config, monkeypatch):
    monkeypatch.setattr(runner, 'sys', type('Sys', (), {'executable': 'false'}))
    with pytest.raises(ValueError, match='goes on from here'):
        run_job(list_jobs(config)[0])


def test_the_summary_is_over_seeds_and_people(config):
    jobs = list_jobs(config)
    shares = {
        job.run_dir: write_report(job.run_dir, '', 0.9 if job.variant == 'center' else 0.5, i)
        for i, job in enumerate(jobs)
    }
    table, comparisons = summarize(jobs)
    of_first = [shares[job.run_dir] for job in jobs[:2]]
    first = table.iloc[0]
    assert (first['experiment'], first['variant'], first['seeds']) == ('cross', 'plain', 2)
    assert first['accuracy'] == pytest.approx(np.mean(of_first))
    assert first['accuracy_deviation'] == pytest.approx(np.std(of_first, ddof=1))
    assert first['accuracy_low'] < first['accuracy'] < first['accuracy_high']
    assert first['macro_f1_low'] < first['macro_f1'] < first['macro_f1_high']
    assert [one.second for one in comparisons] == ['cross center', 'reverse center']
    assert comparisons[0].difference > 0.2 and comparisons[0].p_permutation < 0.05


def test_what_a_split_is_besides_stands_beside_its_numbers(config):
    jobs = list_jobs(config)
    for number, job in enumerate(jobs):
        write_report(job.run_dir, '', 0.8, number)
        file = Path(RunDir(job.run_dir).report_dir('')) / 'metrics.json'
        note = 'No test.' if job.experiment == 'cross' else ''
        file.write_text(json.dumps(json.loads(file.read_text()) | {'split_note': note}))
    summary = summarize(jobs)[0].assign(target='own target')
    assert list(summary['split_note']) == ['No test.', 'No test.', '', '']
    assert number_warnings(summary)[-1] == 'own target: No test.'


@pytest.fixture
def matrix(config):
    """Three data sets, two variants, two seeds."""
    values = {
        'targets': (),
        'data_sets': ('a/x', 'b/x', 'c/x'),
        'experiments': config.experiments[:1],
    }
    return ProtocolConfig(**{**vars(config), **values})


def test_each_data_set_all_but_one_and_all_are_sources(matrix):
    jobs = list_jobs(matrix)
    pools = list(dict.fromkeys('+'.join(one[0] for one in job.sources) for job in jobs))
    assert pools == ['a', 'b', 'c', 'a+b', 'a+c', 'b+c', 'a+b+c']
    assert len(jobs) == len({job.run_dir for job in jobs}) == 7 * 2 * 2
    left_out = next(job for job in jobs if job.sources == ('b/x', 'c/x'))
    assert {'--source=b/x,c/x', '--target=', '--target_split=test'} <= set(left_out.flags)
    # Its first source is its own target; whom it was not trained on are tested all.
    assert left_out.targets == ('a/x all', 'c/x test')


def test_two_data_sets_are_each_the_other_left_out(matrix):
    jobs = list_jobs(ProtocolConfig(**{**vars(matrix), 'data_sets': ('a/x', 'b/x')}))
    assert list(dict.fromkeys(job.sources for job in jobs)) == [('a/x',), ('b/x',), ('a/x', 'b/x')]


def fill(jobs, data_sets):
    for number, job in enumerate(jobs):
        for target in data_sets:
            is_seen = target in job.sources
            name = (
                ''
                if target == job.sources[0]
                else report_name(f'{target} {"test" if is_seen else "all"}')
            )
            # Sources without `a` know a third expression, which no image has.
            absent = () if 'a/x' in job.sources else ('fearful',)
            write_report(job.run_dir, name, 0.8, number, absent=absent, left_out=7)


def test_a_matrix_masks_what_the_target_lacks_and_says_so(matrix):
    jobs = list_jobs(matrix)
    fill(jobs, matrix.data_sets)
    table, comparisons = cross_matrix(jobs, matrix.data_sets)
    assert len(table) == 7 * 3 * 2 and len(comparisons) == 7 * 3
    cells = table[table['variant'] == 'plain'].set_index(['source', 'target'])
    other = cells.loc[('b/x', 'a/x')]
    assert (other['split'], other['is_seen'], other['left_out']) == ('all', False, 7)
    assert (other['classes'], other['masked']) == ('happy sad', 'fearful')
    # Masked, it can only be right; not masked, it errs as it was made to.
    assert other['accuracy_among_present'] == 1 and 0.6 < other['accuracy'] < 0.95
    # And so they are compared.
    of_other = comparisons[comparisons['first'].str.startswith('b/x to a/x')].iloc[0]
    assert of_other['accuracies'] == (1, 1)
    own = cells.loc[('a/x', 'a/x')]
    assert (own['split'], own['masked'], own['seeds']) == ('test', '', 2)
    assert own['accuracy_among_present'] == own['accuracy']


@pytest.mark.slow
def test_the_report_of_a_matrix_stands_alone(matrix, monkeypatch):
    jobs = list_jobs(matrix)
    fill(jobs, matrix.data_sets)
    monkeypatch.setattr(runner, '_run', lambda *_: pytest.fail('all is finished'))
    monkeypatch.setattr(runner, 'check_jobs', lambda *_: None)
    protocol.main(matrix)
    out = Path(matrix.output)
    page = (out / 'report.html').read_text()
    assert 'masked out' in page and 'fearful' in page and 'leave-one' not in page
    assert page.count('<img src="data:image/png;base64,') == page.count('<img ')
    assert not re.search(r'(src|href)="(?!data:|#)', page) and 'url(' not in page
    assert len(json.loads((out / 'report.json').read_text())['numbers']['summary']) == 42
    assert '| b/x | a/x, all | plain |' in (out / 'report.md').read_text()


@pytest.mark.parametrize('images_each', [20, 40])
def test_few_people_are_said_in_every_file_of_a_protocol(images_each, config, monkeypatch, capsys):
    config = ProtocolConfig(
        **{**vars(config), 'targets': (), 'experiments': config.experiments[:1]}
    )
    for number, job in enumerate(list_jobs(config)):
        write_report(job.run_dir, '', 0.8, number, images_each=images_each)
    monkeypatch.setattr(runner, 'check_jobs', lambda *_: None)
    protocol.main(config)
    count = '2 people stand' if images_each == 20 else '1 person stands'
    folder = Path(config.output)
    summary = pd.read_csv(folder / 'summary.csv').iloc[0]
    assert count in summary['few_people'] and summary['people_behind'] == 40 // images_each
    assert np.isnan(summary['macro_f1_low']) and summary['macro_f1_no_interval']
    assert np.isnan(summary['accuracy_low']) == (images_each == 40)
    assert count in pd.read_csv(folder / 'comparisons.csv')['few_people'][0]
    report, printed = (folder / 'report.md').read_text(), capsys.readouterr().out
    assert count in report and count in printed and 'Without interval are' in report
    assert 'nan' not in report + printed and 'None' not in report + printed


def test_where_nobody_is_named_a_protocol_has_intervals_over_images(config, monkeypatch, capsys):
    config = ProtocolConfig(
        **{**vars(config), 'targets': (), 'experiments': config.experiments[:1]}
    )
    for number, job in enumerate(list_jobs(config)):
        write_report(job.run_dir, '', 0.8, number, is_named=False)
    monkeypatch.setattr(runner, 'check_jobs', lambda *_: None)
    protocol.main(config)
    report = (Path(config.output) / 'report.md').read_text()
    assert '95 % over images' in report and 'people' not in capsys.readouterr().out
    assert 'over people' not in report and '| gender: female | unnamed |' in report


def test_examples_and_model_card_are_those_of_the_first_run(config):
    jobs = list_jobs(config)
    for i, job in enumerate(jobs):
        write_report(job.run_dir, '', 0.5, i)
    report = RunDir(jobs[0].run_dir).report_dir()
    # As the first release wrote it.
    blocks = [
        {'kind': 'paragraph', 'text': 'Images drawn blindly:', 'is_warning': False},
        {'kind': 'picture', 'file': 'examples/3.jpg', 'caption': 'happy', 'is_wide': False},
    ]
    sections = [{'title': 'Examples', 'blocks': blocks}]
    Path(report, 'report.json').write_text(json.dumps({'sections': sections}))
    folder = ProtocolDir(config.output)
    found = blocks_of_first_runs(jobs, folder)
    text, figure = found['Examples of cross-plain-seed0']
    assert text == Paragraph('Images drawn blindly:')
    assert figure == ReportFigure('runs/cross-plain-seed0/report/examples/3.jpg', 'happy')


def test_folds_are_joined_to_everyone(config):
    jobs = list_jobs(ProtocolConfig(**{**vars(config), 'folds': 2, 'seeds': (0,)}))
    for i, job in enumerate(jobs):
        # The second fold was trained without any fearful face, so it cannot answer so.
        absent = () if job.fold else ('fearful',)
        write_report(job.run_dir, '', 0.5, i, absent=absent, prefix=f'fold{job.fold}')
        write_report(job.run_dir, 'other_faces_all', 0.5, i, absent=absent)
    table, _ = summarize(jobs)
    assert table['images'].tolist() == [80] * 4 and table['seeds'].tolist() == [1] * 4
    (rows,) = read_tables(jobs)['cross']['plain']
    assert rows['p_fearful'].notna().all() and (rows['p_fearful'][40:] == 0).all()
    # All folds are tested on the same images of another data set: not eighty, but forty twice.
    table, _ = summarize(jobs, 'other/faces all')
    assert table['images'].tolist() == [40] * 4 and table['seeds'].tolist() == [2] * 4


@pytest.mark.parametrize(
    'wrong, match',
    [
        ({'experiments': ('none.flags',)}, 'do not exist'),
        ({'variants': ('center',)}, '`name: flags`'),
        ({'targets': ('other/faces',)}, '`name/config split`'),
        ({'folds': 11}, r'in \[0, 10\]'),
        ({'targets': (), 'data_sets': ('cfee/faces',)}, 'at least two'),
        ({'data_sets': ('cfee/faces', 'rafd/faces')}, 'without `folds` or `targets`'),
        ({'targets': (), 'data_sets': ('cfee/faces', 'cfee/all_faces')}, 'of other people'),
        ({'seeds': (0, 1, 0)}, '`seeds` must have names of their own'),
        ({'variants': ('a-b: --seed=1', 'a_b: --seed=2')}, '`variants` must have names'),
    ],
)
def test_impossible_protocols_are_refused(config, wrong, match):
    with pytest.raises(ValueError, match=match):
        ProtocolConfig(**{**vars(config), **wrong})


def test_folds_share_everyone_out(tmp_path):
    write_dataset(tmp_path, people={'train': 20, 'test': 10})
    builder = open_dataset('fake', str(tmp_path))
    people = {}
    for split in ('train', 'validation', 'test'):
        source = read_split([builder], split, BASIC, fold=3)
        rows = source.examples.as_numpy_iterator()
        people[split] = {row['subject_id'] for row in rows}
    assert len(people['test']) == len(people['validation']) == 3 and len(people['train']) == 24
    assert len(set.union(*people.values())) == 30
    batches = evaluation_batches(source, DataConfig(image_size_px=32), num_classes=7)
    assert sum(len(labels) for _, labels in batches) == 21


def test_a_fold_trains_and_validates_on_other_people_than_it_tests(tmp_path, monkeypatch):
    write_dataset(tmp_path, people={'train': 20})
    seen = {}

    class Enough(Exception):
        pass

    def note(source, name):
        rows = source.examples.as_numpy_iterator()
        seen[name] = {int(row['subject_id'].decode().removeprefix('train')) % 10 for row in rows}

    def batches(source, *arguments, **options):
        note(source, 'train')
        raise Enough

    real = session.evaluation_batches
    monkeypatch.setattr(session, 'TrainingBatches', batches)
    monkeypatch.setattr(
        session, 'evaluation_batches', lambda one, *a, **k: note(one, 'valid') or real(one, *a, **k)
    )
    data = DataConfig(data_dir=str(tmp_path), source='fake', image_size_px=32, fold=3)
    with pytest.raises(Enough):
        session.train(RunConfig(data, tiniest_model()), RunDir(str(tmp_path / 'run')))
    assert seen == {'train': {0, 1, 2, 5, 6, 7, 8, 9}, 'valid': {4}}


# 0: it came when the run had nothing left to do.
@pytest.mark.parametrize(
    ('status', 'number'), [(130, signal.SIGTERM), (0, signal.SIGINT), (130, signal.SIGHUP)]
)
def test_the_end_of_a_protocol_ends_its_run(status, number, tmp_path, monkeypatch):
    got = signal.SIGINT if number == signal.SIGINT else signal.SIGTERM
    waits = f'import signal, sys, time; signal.signal({got}, lambda *_: sys.exit({status}))'
    waits += '; time.sleep(60)'
    python = tmp_path / 'python'
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{waits}"\n')
    python.chmod(0o755)
    monkeypatch.setattr(runner.sys, 'executable', str(python))
    timer = threading.Timer(2, os.kill, (os.getpid(), number))
    timer.start()
    with pytest.raises(KeyboardInterrupt, match='goes on from here'):
        runner._run('train')


@pytest.mark.slow
def test_the_command_runs_a_protocol_and_tables_it(tmp_path):
    write_dataset(tmp_path / 'data', people={'train': 8, 'validation': 2, 'test': 4})
    (tmp_path / 'tiny.flags').write_text('\n'.join([*TRAIN, '--epochs=1', '--head_epochs=0']))
    options = [f'--experiments={tmp_path / "tiny.flags"}', '--seeds=0', f'--output={tmp_path}']
    completed = run('protocol', *options, f'--flags=--data_dir={tmp_path / "data"} --fold=-1')
    assert completed.returncode == 0, completed.stderr[-3000:]
    table = pd.read_csv(tmp_path / 'summary.csv')
    assert table['images'].tolist() == [28] and '1 of 1' in completed.stdout

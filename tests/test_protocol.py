import os

import numpy as np
import pandas as pd
import pytest

from fer_keras import protocol
from fer_keras.config import DataConfig
from fer_keras.input_pipeline import evaluation_batches, open_dataset, read_split
from fer_keras.protocol import ProtocolConfig, list_jobs, run_job, summarize
from fer_keras.run_dir import RunDir
from tests.fakes import BASIC, write_dataset
from tests.test_end_to_end import TRAIN, run


@pytest.fixture
def config(tmp_path):
    for name in ('cross', 'reverse'):
        (tmp_path / f'{name}.flags').write_text('--epochs=1\n')
    return ProtocolConfig(
        output=str(tmp_path / 'out'),
        experiments=(str(tmp_path / 'cross.flags'), str(tmp_path / 'reverse.flags')),
        variants=('plain:', 'center: --saliency=center --fusion=blend'),
        seeds=(0, 1),
        targets=('other/faces all',),
    )


def write_report(run_dir, name, share, seed):
    """What a finished test leaves: `share` of 40 images of 10 people recognised."""
    folder = RunDir(run_dir).report_dir(name)
    os.makedirs(folder, exist_ok=True)
    right = np.random.default_rng(seed).random(40) < share
    rows = pd.DataFrame(
        {
            'file_name': [f'{i}.png' for i in range(40)],
            'subject_id': [f's{i // 4}' for i in range(40)],
            'label': 'happy',
            'predicted': np.where(right, 'happy', 'sad'),
        }
    )
    rows.to_csv(os.path.join(folder, 'predictions.csv'), index=False)
    with open(os.path.join(folder, 'metrics.json'), 'w', encoding='utf-8') as file:
        file.write('{}')
    return right.mean()


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

    monkeypatch.setattr(protocol, '_run', pretend)
    job = list_jobs(config)[0]
    run_job(job, config.targets)
    assert ran == [('train', 'cross-plain-seed0'), ('evaluate', 'cross-plain-seed0')]
    run_job(job, config.targets)
    assert len(ran) == 2
    os.remove(os.path.join(RunDir(job.run_dir).report_dir('other_faces_all'), 'metrics.json'))
    run_job(job, config.targets)
    assert ran[2:] == [('evaluate', 'cross-plain-seed0')]


def test_a_failed_run_says_how_to_go_on(config, monkeypatch):
    monkeypatch.setattr(protocol, 'sys', type('Sys', (), {'executable': 'false'}))
    with pytest.raises(ValueError, match='goes on from here'):
        run_job(list_jobs(config)[0], ())


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
    assert first['deviation'] == pytest.approx(np.std(of_first, ddof=1))
    assert first['low'] < first['accuracy'] < first['high']
    assert [one.second for one in comparisons] == ['cross center', 'reverse center']
    assert comparisons[0].difference > 0.2 and comparisons[0].p_permutation < 0.05


def test_folds_are_joined_to_everyone(config):
    jobs = list_jobs(ProtocolConfig(**{**vars(config), 'folds': 2, 'seeds': (0,)}))
    for i, job in enumerate(jobs):
        write_report(job.run_dir, '', 0.5, i)
    table, _ = summarize(jobs)
    assert table['images'].tolist() == [80] * 4 and table['seeds'].tolist() == [1] * 4


@pytest.mark.parametrize(
    'wrong, match',
    [
        ({'experiments': ('none.flags',)}, 'do not exist'),
        ({'variants': ('center',)}, '`name: flags`'),
        ({'targets': ('other/faces',)}, '`name/config split`'),
        ({'folds': 11}, '0 to 10'),
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


def test_the_command_runs_a_protocol_and_tables_it(tmp_path):
    write_dataset(tmp_path / 'data', people={'train': 8, 'validation': 2, 'test': 4})
    (tmp_path / 'tiny.flags').write_text('\n'.join([*TRAIN, '--epochs=1', '--head_epochs=0']))
    options = [f'--experiments={tmp_path / "tiny.flags"}', '--seeds=0', f'--output={tmp_path}']
    completed = run('protocol', *options, f'--flags=--data_dir={tmp_path / "data"} --fold=-1')
    assert completed.returncode == 0, completed.stderr[-3000:]
    table = pd.read_csv(tmp_path / 'summary.csv')
    assert table['images'].tolist() == [28] and '1 of 1' in completed.stdout

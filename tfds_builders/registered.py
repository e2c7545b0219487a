"""All builders; importing this module registers them with TensorFlow Datasets."""

from __future__ import annotations

from typing import Any

from tfds_builders.affectnet import affectnet_dataset_builder as _affectnet
from tfds_builders.caer_s import caer_s_dataset_builder as _caer_s
from tfds_builders.cat2000 import cat2000_dataset_builder as _cat2000
from tfds_builders.cfee import cfee_dataset_builder as _cfee
from tfds_builders.ck_plus import ck_plus_dataset_builder as _ck_plus
from tfds_builders.drawn_faces import drawn_faces_dataset_builder as _drawn_faces
from tfds_builders.expression_folders import expression_folders_dataset_builder as _folders
from tfds_builders.expw import expw_dataset_builder as _expw
from tfds_builders.fer2013 import fer2013_dataset_builder as _fer2013
from tfds_builders.fer_plus import fer_plus_dataset_builder as _fer_plus
from tfds_builders.jaffe import jaffe_dataset_builder as _jaffe
from tfds_builders.kdef import kdef_dataset_builder as _kdef
from tfds_builders.mit1003 import mit1003_dataset_builder as _mit1003
from tfds_builders.raf_db import raf_db_dataset_builder as _raf_db
from tfds_builders.rafd import rafd_dataset_builder as _rafd
from tfds_builders.salicon import salicon_dataset_builder as _salicon
from tfds_builders.sfew import sfew_dataset_builder as _sfew

BUILDERS: dict[str, Any] = {
    'affectnet': _affectnet.Builder,
    'caer_s': _caer_s.Builder,
    'cat2000': _cat2000.Builder,
    'cfee': _cfee.Builder,
    'ck_plus': _ck_plus.Builder,
    'drawn_faces': _drawn_faces.Builder,
    'expression_folders': _folders.Builder,
    'expw': _expw.Builder,
    'fer2013': _fer2013.Builder,
    'fer_plus': _fer_plus.Builder,
    'jaffe': _jaffe.Builder,
    'kdef': _kdef.Builder,
    'mit1003': _mit1003.Builder,
    'raf_db': _raf_db.Builder,
    'rafd': _rafd.Builder,
    'salicon': _salicon.Builder,
    'sfew': _sfew.Builder,
}

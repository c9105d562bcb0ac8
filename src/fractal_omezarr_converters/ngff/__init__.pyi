from .axes import Axes as Axes
from .axes import Axis as Axis
from .documents import group_document as group_document
from .documents import image_attributes as image_attributes
from .documents import label_content as label_content
from .documents import labels_attributes as labels_attributes
from .groups import read_attributes as read_attributes
from .groups import update_attributes as update_attributes
from .plates import Acquisition as Acquisition
from .plates import PlateContent as PlateContent
from .plates import WellImage as WellImage
from .plates import write_plate as write_plate
from .rendering import Window as Window
from .rendering import omero as omero
from .rendering import windows_from_histograms as windows_from_histograms
from .stores import open_store as open_store
from .tables import list_tables as list_tables
from .tables import read_table as read_table
from .tables import write_table as write_table
from .versions import VERSIONS_READ as VERSIONS_READ
from .versions import VERSIONS_WRITTEN as VERSIONS_WRITTEN
from .versions import detect_version as detect_version
from .write_image import WrittenImage as WrittenImage
from .write_image import write_image as write_image

__all__ = [
    "VERSIONS_READ",
    "VERSIONS_WRITTEN",
    "Acquisition",
    "Axes",
    "Axis",
    "PlateContent",
    "WellImage",
    "Window",
    "WrittenImage",
    "detect_version",
    "group_document",
    "image_attributes",
    "label_content",
    "labels_attributes",
    "list_tables",
    "omero",
    "open_store",
    "read_attributes",
    "read_table",
    "update_attributes",
    "windows_from_histograms",
    "write_image",
    "write_plate",
    "write_table",
]

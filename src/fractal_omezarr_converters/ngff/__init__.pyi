from .array_images import WrittenImage as WrittenImage
from .array_images import write_image as write_image
from .axes import Axes as Axes
from .axes import Axis as Axis
from .documents import group_document as group_document
from .documents import image_attributes as image_attributes
from .documents import label_content as label_content
from .documents import labels_attributes as labels_attributes
from .field_numbers import FieldOfView as FieldOfView
from .field_numbers import number_plate_fields as number_plate_fields
from .groups import update_attributes as update_attributes
from .plate_conditions import ImagePlace as ImagePlace
from .plate_conditions import write_plate_conditions as write_plate_conditions
from .plate_reader import Plate as Plate
from .plate_reader import Well as Well
from .plate_reader import open_plate as open_plate
from .plates import Acquisition as Acquisition
from .plates import PlateContent as PlateContent
from .plates import WellImage as WellImage
from .plates import write_plate as write_plate
from .reader import ImageLevel as ImageLevel
from .reader import Multiscale as Multiscale
from .reader import open_image as open_image
from .reader import read_attributes as read_attributes
from .reader import read_level as read_level
from .rendering import Window as Window
from .rendering import default_window as default_window
from .rendering import omero as omero
from .rendering import window_from_histogram as window_from_histogram
from .rendering import windows_from_histograms as windows_from_histograms
from .stores import open_store as open_store
from .summaries import info as info
from .summaries import info_text as info_text
from .tables import list_tables as list_tables
from .tables import read_table as read_table
from .tables import write_table as write_table
from .time_points import write_time_points as write_time_points
from .versions import VERSIONS_READ as VERSIONS_READ
from .versions import VERSIONS_WRITTEN as VERSIONS_WRITTEN
from .versions import detect_version as detect_version

__all__ = [
    "VERSIONS_READ",
    "VERSIONS_WRITTEN",
    "Acquisition",
    "Axes",
    "Axis",
    "FieldOfView",
    "ImageLevel",
    "ImagePlace",
    "Multiscale",
    "Plate",
    "PlateContent",
    "Well",
    "WellImage",
    "Window",
    "WrittenImage",
    "default_window",
    "detect_version",
    "group_document",
    "image_attributes",
    "info",
    "info_text",
    "label_content",
    "labels_attributes",
    "list_tables",
    "number_plate_fields",
    "omero",
    "open_image",
    "open_plate",
    "open_store",
    "read_attributes",
    "read_level",
    "read_table",
    "update_attributes",
    "window_from_histogram",
    "windows_from_histograms",
    "write_image",
    "write_plate",
    "write_plate_conditions",
    "write_table",
    "write_time_points",
]

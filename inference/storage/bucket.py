"""S3 client, and the translation of boto3's errors into faults with sentences.

boto3 finds the credentials and the service's address by itself, as AWS's tools do. None of them is
read, stored or logged here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from boto3.exceptions import Boto3Error, RetriesExceededError, S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore import exceptions
from botocore.config import Config

from inference.core.errors import Fault, FaultCode

MIB = 1 << 20
PART_BYTES = 16 * MIB  # larger files are sent in parts, of which S3 allows 10,000
# Few concurrent parts, each read from the file as it is sent, keep memory small.
TRANSFER_CONFIG = TransferConfig(
    multipart_threshold=PART_BYTES,
    multipart_chunksize=PART_BYTES,
    max_concurrency=4,
    num_download_attempts=3,
    max_io_queue=32,
    preferred_transfer_client="classic",
)
_CLIENT_CONFIG = Config(
    connect_timeout=3,  # with the retries, a dead server is reported within 15 s
    read_timeout=10,
    retries={"total_max_attempts": 3, "mode": "standard"},
    signature_version="s3v4",  # for links, too: older signatures know no regions
    request_checksum_calculation="when_required",  # not every other service knows checksums
    response_checksum_validation="when_required",
)

NO_CREDENTIALS = (
    "There are no credentials for S3 here. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
)
UNREACHABLE = (
    "The bucket's server can't be reached. Check the network and AWS_ENDPOINT_URL_S3, "
    "then try again."
)
CONNECTION_CUT = "The connection to the bucket's server was cut. Try again."
NO_BUCKET = "There is no bucket {bucket}. Check AWS_BUCKET_NAME."
ACCESS_DENIED = (
    "The bucket {bucket} refuses these credentials. Check them, and what they may do there."
)
BAD_REQUEST = "The bucket {bucket} can't be used like this. Check its name and AWS_REGION."
SERVER_ERROR = "The bucket's server has a problem of its own ({status}). Try again later."

_CREDENTIAL_ERRORS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
)
_CONNECT_ERRORS = (exceptions.ConnectionError, exceptions.ReadTimeoutError)
_TRANSFER_ERRORS = (
    exceptions.HTTPClientError,
    exceptions.IncompleteReadError,
    RetriesExceededError,
)


class NotFound(Fault):
    """The bucket, or an object in it, does not exist."""


def connect(region: str | None) -> Any:
    """Return a client for S3; None leaves the region to boto3.

    Raises boto3's errors: use it within `translate_errors`.
    """
    # boto3's default session is not thread-safe, and caches the first credentials found
    return boto3.session.Session().client("s3", region_name=region, config=_CLIENT_CONFIG)


@contextmanager
def translate_errors(bucket: str) -> Iterator[None]:
    """Turn boto3's errors about `bucket` into a Fault (code storage) with a sentence."""
    try:
        yield
    except _CREDENTIAL_ERRORS as error:
        raise _build_fault(NO_CREDENTIALS, error) from error
    except _CONNECT_ERRORS as error:
        raise _build_fault(UNREACHABLE, error) from error
    except _TRANSFER_ERRORS as error:
        raise _build_fault(CONNECTION_CUT, error) from error
    except exceptions.ClientError as error:
        raise _from_client_error(bucket, error) from error
    except S3UploadFailedError as error:  # wraps a ClientError
        cause = error.__context__
        assert isinstance(cause, exceptions.ClientError)
        raise _from_client_error(bucket, cause) from error
    except (exceptions.BotoCoreError, Boto3Error, ValueError) as error:
        raise _build_fault(BAD_REQUEST.format(bucket=bucket), error) from error


def _from_client_error(bucket: str, error: exceptions.ClientError) -> Fault:
    """Return the Fault for an HTTP status that is not a success."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if status == 404:
        return NotFound(FaultCode.STORAGE, NO_BUCKET.format(bucket=bucket), str(error))
    if status in (401, 403):
        return _build_fault(ACCESS_DENIED.format(bucket=bucket), error)
    if status >= 500:
        return _build_fault(SERVER_ERROR.format(status=status), error)
    return _build_fault(BAD_REQUEST.format(bucket=bucket), error)


def _build_fault(message: str, error: Exception) -> Fault:
    # a ValueError may quote the header that holds the access key's id
    details = type(error).__name__ if isinstance(error, ValueError) else str(error)
    return Fault(FaultCode.STORAGE, message, details)

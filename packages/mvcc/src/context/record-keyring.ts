/** The keyring that a record carries. */
import { corrupt, HoldfastError, type RecordHeader, recordName } from '@holdfast/core';
import { type Keyring, KeyringError, openKeyring } from '@holdfast/crypto';

/** Opens the keyring of a record, so that a wrong key says so before anything else. */
export async function openRecordKeyring(
  options: Parameters<typeof openKeyring>[0],
  header: RecordHeader,
): Promise<Keyring> {
  try {
    return await openKeyring(options, header.keyring);
  } catch (error) {
    if (!(error instanceof KeyringError)) throw error;
    if (error.code === 'CORRUPT') throw corrupt(recordName(header.version), error.message, error);
    throw new HoldfastError(error.code, error.message, { cause: error });
  }
}

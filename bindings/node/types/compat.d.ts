/** A record of Lambda's event (`kinesis`) or of the SDK's version 2; with capital letters, of its version 3. */
export type EncodedKinesisRecord =
  | { data: string | Uint8Array; partitionKey?: string; explicitPartitionKey?: string; sequenceNumber?: string }
  | { Data: string | Uint8Array; PartitionKey?: string; ExplicitPartitionKey?: string; SequenceNumber?: string };

export interface UserRecord {
  partitionKey: string;
  explicitPartitionKey?: string;
  sequenceNumber: string;
  /** Undefined for a plain Kinesis record. */
  subSequenceNumber: number;
  /** In base64. */
  data: string;
}

export interface PutRecord {
  partitionKey: string;
  explicitHashKey?: string;
  data: Uint8Array | string;
}

export interface EncodedRecord {
  partitionKey: string;
  data: Buffer;
  ExplicitHashKey?: string;
}

/** A callback that may also declare its error as `Error` alone, as the types of aws-kinesis-agg do. */
type Callback<Given extends unknown[]> = { call(...given: Given): void }['call'];

/** Calls `perRecordCallback` for each user record, then `afterRecordCallback`; that one is also told of each error. */
export function deaggregate(
  kinesisRecord: EncodedKinesisRecord,
  computeChecksums: boolean,
  perRecordCallback: Callback<[err: Error | null, userRecord?: UserRecord]>,
  afterRecordCallback: Callback<[err?: Error, errorUserRecord?: UserRecord]>,
): void;

/** Calls `afterRecordCallback` with all user records. */
export function deaggregateSync(
  kinesisRecord: EncodedKinesisRecord,
  computeChecksums: boolean,
  afterRecordCallback: Callback<[err: Error | undefined, userRecords: UserRecord[]]>,
): void;

export function aggregate(
  records: PutRecord[],
  encodedRecordHandler: (encodedRecord: EncodedRecord, callback: (err?: Error | null, data?: any) => void) => void,
  afterPutAggregatedRecords: () => void,
  errorCallback: (error: Error, data?: any) => void,
  queueSize?: number,
): void;

/** Packs user records into aggregates of up to 1 MiB, whatever shards they belong to. */
export class RecordAggregator {
  constructor(onReadyCallback?: (err: Error | null, encodedRecord?: EncodedRecord) => void);
  setOnReadyCallback(
    onReadyCallback?: (err: Error | null, encodedRecord?: EncodedRecord) => void,
  ): ((err: Error | null, encodedRecord?: EncodedRecord) => void) | undefined;
  clearRecords(): void;
  flushBufferedRecords(onReadyCallback?: (err: Error | null, encodedRecord?: EncodedRecord) => void): void;
  build(): EncodedRecord | undefined;
  length(): number;
  checkIfUserRecordFits(record: PutRecord): boolean;
  calculateUserRecordSize(record: PutRecord): number;
  addUserRecord(record: PutRecord): void;
  aggregateRecords(
    records: PutRecord[],
    forceFlush: boolean,
    onReadyCallback?: (err: Error | null, encodedRecord?: EncodedRecord) => void,
  ): void;
}

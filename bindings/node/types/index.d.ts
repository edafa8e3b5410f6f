/** A Kinesis record in any of the shapes that the services and the SDK give it. */
export type KinesisRecord =
  /** Of a Kinesis event source mapping. */
  | { kinesis: { data: string; partitionKey?: string; sequenceNumber?: string } }
  /** Of an EventBridge pipe or a Firehose transformation, or your own: base64 or bytes. */
  | { data: string | Uint8Array; partitionKey?: string; sequenceNumber?: string }
  /** Of `GetRecords`. */
  | { Data: Uint8Array; PartitionKey?: string; SequenceNumber?: string };

/** An event, a page of `GetRecords`, or an array of Kinesis records. */
export type Source =
  | readonly KinesisRecord[]
  | { readonly Records?: readonly KinesisRecord[] }
  | { readonly records: readonly KinesisRecord[] };

/** A shard's hash keys, both ends included: `START-END`, the SDK's `HashKeyRange`, or numbers. */
export type HashKeyRange =
  | string
  | { StartingHashKey?: string; EndingHashKey?: string }
  | { start: bigint | string; end: bigint | string };

export interface Options {
  /**
   * The hash keys of the shard: an aggregate with a user record outside them is lost, as in the KCL. Without it, all.
   * Leave it out in Lambda functions, which are not told their shard's range.
   */
  hashKeyRange?: HashKeyRange;
  /** Go on after a bad user record of an aggregate, where the KCL stops. Each one is a loss. */
  salvage?: boolean;
  /**
   * Open damaged aggregates (wrong digest, cut short, malformed), which the KCL passes on as plain records. There is
   * always a loss, and any byte of the user records may be wrong: they are `damaged`. Do not turn this on or off while a
   * checkpoint lies inside a damaged aggregate.
   */
  salvageDamaged?: boolean;
  /** Skip what is at or below this position: `SEQUENCE:SUB`, or `SEQUENCE` for the end of that Kinesis record. */
  after?: string | { sequenceNumber: string; subSequenceNumber?: number | bigint };
}

/** A user record. A plain Kinesis record comes out as one, too. */
export interface UserRecord {
  readonly loss?: undefined;
  /** Only a record of a stream with service-managed distribution may have none. */
  readonly partitionKey?: string;
  /** As it was written. Kinesis does not give that of a plain record back. */
  readonly explicitHashKey?: string;
  /** A view of the Kinesis record's bytes: it keeps all of them in memory. See `copy`. */
  readonly data: Uint8Array;
  /** The Kinesis record's. */
  readonly sequenceNumber?: string;
  /** The place in the Kinesis record, counted from 0; lost user records count too. */
  readonly subSequenceNumber: number;
  /** Whether it came out of an aggregate. */
  readonly aggregated: boolean;
  /** Whether the Kinesis record is damaged, so that any byte of the key and the data may be wrong: see `salvageDamaged`. */
  readonly damaged: boolean;
  /** The Kinesis record it came in, as it was given. */
  readonly kinesisRecord: any;
  /** That one's place in the input, counted from 0. */
  readonly recordIndex: number;
  /** The data as UTF-8 text. */
  text(): string;
  /** The data as JSON. */
  json(): any;
  /** The same with data of its own, for a user record that outlives its event. It has no `kinesisRecord`. */
  copy(): UserRecord;
}

/** User records that the KCL would not deliver, in place of the first of them. */
export interface LostUserRecords {
  readonly loss: Loss;
  /** Those of the Kinesis record. */
  readonly partitionKey?: string;
  readonly data: Uint8Array;
  readonly sequenceNumber?: string;
  readonly subSequenceNumber: number;
  readonly kinesisRecord: any;
  readonly recordIndex: number;
}

export interface Loss {
  readonly kind:
    /** Its hash key is outside the shard's range: the KCL silently drops the whole Kinesis record. */
    | 'out-of-range'
    /** A key index is beyond its table: the KCL gives up the rest of the Kinesis record. */
    | 'partition-key-index'
    | 'explicit-hash-key-index'
    /** The explicit hash key is not an integer: the KCL gives up the rest. */
    | 'explicit-hash-key'
    /** It is an integer that no shard owns, such as -123: the KCL silently drops the whole Kinesis record. */
    | 'explicit-hash-key-number'
    /** With `salvageDamaged`: the digest is wrong. No user record is missing, but any byte may be wrong. */
    | 'digest-mismatch'
    /** With `salvageDamaged`: it cannot be read from `offset` on. How many user records are lost is unknown. */
    | 'malformed'
    /** Of a later version. */
    | 'unknown';
  readonly message: string;
  /** The sub-sequence number of the user record that causes the loss. */
  readonly subSequenceNumber: number;
  /** The sub-sequence numbers of all that is lost, `end` not included. */
  readonly lost: { readonly start: number; readonly end: number };
  /** Where the causing user record starts, in bytes from the start of the Kinesis record's data. */
  readonly offset: number;
}

/**
 * Reads Kinesis records as the KCL does. User records are made one at a time, as you ask for them; what the KCL would
 * lose comes out in its place, with `loss`.
 *
 * @throws TypeError for what is no Kinesis record, when it is reached. RangeError for options that make no sense, and
 * for a record of more than 256 MiB.
 */
export function deaggregate(source: Source, options?: Options): IterableIterator<UserRecord | LostUserRecords>;

export interface ProcessOptions extends Options {
  /**
   * How many user records at a time, those of one partition key one after another. Default 1: all in order, up to the
   * first failure.
   */
  concurrency?: number;
  /**
   * Is told of every loss. An aggregate out of the hash key range is no failure: it was left to another shard. Any
   * other loss fails its Kinesis record after its readable user records, unless this returns `continue`. It will never
   * succeed, so an event source mapping without limits for its retries is blocked by it until it expires.
   */
  onLoss?: (lost: LostUserRecords) => 'continue' | void | Promise<'continue' | void>;
  /** Is told of every failure: the answer to Lambda has no room for reasons. */
  onFailure?: (error: unknown, record: UserRecord | LostUserRecords) => void;
  /** What is done is not done again when Lambda sends its Kinesis record again. */
  resume?: Resume;
}

/**
 * A memory of user records whose handler succeeded, so that a retry leaves them out: a handler must not return before
 * what it did is durable. Keys name a Kinesis record; what is done of it is a text of sub-sequence numbers such as
 * `0-4,7`. Implement it over a table to share it between instances.
 */
export interface Resume {
  /** What was done of each of these, in their order; undefined for nothing. It is called before the first user record. */
  load(keys: string[]): readonly (string | undefined)[] | Promise<readonly (string | undefined)[]>;
  /**
   * Remembers `kept` in place of what was remembered of each, and forgets `succeeded`, which do not come again. It is
   * called after the last user record. Should it fail, the answer to Lambda is the same, and more is done again.
   */
  save(kept: [key: string, done: string][], succeeded: string[]): void | Promise<void>;
}

/**
 * Remembers as long as the function's instance stays warm: keep one for all invocations. When it is full it forgets what
 * was saved longest ago.
 */
export class MemoryResume implements Resume {
  /** Of Kinesis records, `maxRecords` at most: by default 10,000, the most of a batch. */
  constructor(options?: { maxRecords?: number });
  load(keys: string[]): (string | undefined)[];
  save(kept: [key: string, done: string][], succeeded: string[]): void;
  /** How many Kinesis records it remembers. */
  readonly size: number;
}

export interface BatchResponse {
  batchItemFailures: { itemIdentifier: string }[];
}

/**
 * Calls `handler` for the user records of an event of a Kinesis event source mapping or of a pipe, and answers with the
 * lowest Kinesis record that failed: Lambda starts again there. Needs `ReportBatchItemFailures`.
 */
export function processBatch(
  event: Source,
  handler: (record: UserRecord) => unknown,
  options?: ProcessOptions,
): Promise<BatchResponse>;

export interface FirehoseResponse {
  records: { recordId: string; result: 'Ok' | 'Dropped' | 'ProcessingFailed'; data: string }[];
}

/**
 * Calls `handler` for the user records of a Firehose transformation, in order, and answers for each record with what it
 * returned for all of its user records, put together. Nothing leaves a user record out; a record of which nothing is
 * left is `Dropped`. One whose handler fails, or whose aggregate has a loss, is `ProcessingFailed`.
 */
export function transformBatch(
  event: Source,
  handler: (record: UserRecord) => Uint8Array | string | null | undefined | Promise<Uint8Array | string | null | undefined>,
  options?: Omit<ProcessOptions, 'concurrency' | 'resume'>,
): Promise<FirehoseResponse>;

/** What an application puts. */
export interface PutUserRecord {
  /** 1 to 256 characters. */
  partitionKey: string;
  /** Decides the shard in place of the partition key: 0 to 2^128-1. */
  explicitHashKey?: string | bigint | number;
  /** A string is written as UTF-8. */
  data: Uint8Array | string;
}

/** A shard, as `ListShards` answers. */
export interface Shard {
  ShardId?: string;
  HashKeyRange?: { StartingHashKey?: string; EndingHashKey?: string };
  SequenceNumberRange?: { StartingSequenceNumber?: string; EndingSequenceNumber?: string };
}

export interface AggregateOptions {
  /**
   * All shards of the stream: user records share an aggregate if one open shard owns them all. Without it only those of
   * one hash key do, which no split or merge can tear apart.
   */
  shards?: readonly Shard[];
  /**
   * Let an aggregate hold any user records. **The KCL drops such an aggregate whole, and silently, unless the stream has
   * one shard for ever.** For consumers that do not filter by hash key range, such as Lambda functions.
   */
  mixingShards?: boolean;
  /** The most bytes of an aggregate. Default 51200, as in the KPL. */
  maxSize?: number;
  /** The most user records of an aggregate. Default 2^32-1, as in the KPL. */
  maxCount?: number;
  /** The most bytes of a Kinesis record, its key included: default 1 MiB, at most 10 MiB. */
  maxRecordSize?: number;
  /** The partition key of aggregates. Default `a`, as in the KPL; or that of the first user record. */
  outerKey?: string | { first: true };
}

/** An entry for `PutRecords`. Put it with its explicit hash key. */
export interface PutKinesisRecord {
  Data: Uint8Array;
  PartitionKey: string;
  ExplicitHashKey?: string;
}

/**
 * Packs user records into Kinesis records, as the KPL does. Those that cannot be put are in `refused`.
 *
 * @throws TypeError for what is no user record. RangeError for options or shards that make no sense.
 */
export function aggregate(
  userRecords: Iterable<PutUserRecord>,
  options?: AggregateOptions,
): { kinesisRecords: PutKinesisRecord[]; refused: { index: number; message: string }[] };

/** Packs user records one after another. */
export class RecordAggregator {
  constructor(options?: AggregateOptions);
  /**
   * Adds a user record. What it does not fit is closed and returned; the user record itself never is.
   *
   * @throws RangeError if it cannot be put. What is held stays.
   */
  push(userRecord: PutUserRecord): PutKinesisRecord[];
  /** Closes and returns what is held. */
  flush(): PutKinesisRecord[];
  /** How many user records are held. */
  readonly length: number;
  /** The bytes of all Kinesis records that `flush` would return. */
  readonly size: number;
  /** Frees the memory at once, with what is held. Otherwise that happens with garbage collection. */
  close(): void;
}

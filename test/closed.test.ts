/**
 * The rule of an end: once a database is closed, or was stopped because its store shows two histories, every method
 * that could tell of the store or change it says so, as does every step of what it handed out before. What returns a
 * promise rejects, what returns an iterator fails at its first step, the rest throws.
 *
 * The cases are listed by method: one that is new has to be given its case here.
 */
import {
  AtomicOperation,
  Database,
  HoldfastError,
  Namespace,
  NamespaceSnapshot,
  NamespaceTransaction,
  Snapshot,
} from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { describe, expect, test } from 'vitest';
import { openTestDatabase, seed } from './support/database.js';

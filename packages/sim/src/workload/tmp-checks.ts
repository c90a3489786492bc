export function checkHistory(..._: unknown[]): { kind: string; message: string }[] {
  return [];
}
export function checkBank(..._: unknown[]): string[] {
  return [];
}
export function checkChain(..._: unknown[]): string[] {
  return [];
}

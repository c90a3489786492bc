/** The part of aws4 that is used here; it comes without types. */
declare module 'aws4' {
  interface Request {
    readonly service: string;
    readonly method: string;
    readonly host: string;
    readonly path: string;
    readonly region: string;
    readonly headers: Readonly<Record<string, string>>;
  }
  interface Credentials {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string | undefined;
  }
  const aws4: { sign(request: Request, credentials: Credentials): { headers: Record<string, string> } };
  export default aws4;
}

/** msgpackr's build without `new Function` and without its native addon comes without types of its own. */
declare module 'msgpackr/index-no-eval' {
  export { addExtension, Packr, RESET_BUFFER_MODE } from 'msgpackr';
}

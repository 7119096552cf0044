/**
 * Takes WeChat Pay payments in a mini program with a Shouyin server.
 *
 * A payment is created by the shop's backend, which alone knows the price. This package names the payment, opens the
 * cashier and reports what the server says. No answer of the cashier ever counts as "paid".
 */

export interface ShouyinOptions {
  /** Address of the Shouyin server, for example `https://pay.example.com`. Must be in the mini program's request domain list. */
  baseUrl: string;
  /** Id of the running mini program. The payment must have been created for the same appid. */
  appid: string;
  /** WeChat's `wx` (the default inside a mini program), or a double of it in tests and in a browser. */
  wx?: Wx;
  storage?: {
    /** First part of the storage keys; `shouyin` unless given. */
    prefix?: string;
  };
  timeouts?: Timeouts;
  /** For tests; the phone's clock unless given. */
  clock?: Clock;
}

/** Milliseconds. */
export interface Timeouts {
  /** One request to the server. 10 000 unless given. */
  requestMs?: number;
  /** One wx.login. 10 000 unless given. */
  loginMs?: number;
  /** Time between two questions to the server while the cashier is open (twice that after a minute). 2000 unless given. */
  watchMs?: number;
  /** After this long without a word from the cashier, `pay` answers `unknown`. 300 000 unless given. */
  cashierMs?: number;
  /** Waits before each question after the cashier said ok. [0, 1000, 2000, 3000, 5000, 8000] unless given. */
  confirmDelaysMs?: number[];
  /** Waits before each repetition of a failed request. [500, 1500] unless given. */
  retryDelaysMs?: number[];
}

/** Where `pay` stands: asking for parameters, at the cashier, asking the server for the truth. */
export type Stage = 'preparing' | 'cashier' | 'confirming';

export interface PayResult {
  /**
   * - `paid`: the server says so.
   * - `cancelled`: the buyer closed the cashier and the server says that nothing was paid. `pay` again continues the same payment.
   * - `failed`: not paid; `reason` is `cashier_failed` (see `errMsg`), `payment_closed` or `payer_mismatch`.
   * - `unknown`: nobody could say yet; `reason` is `not_confirmed`, `cashier_silent`, or the `code` of the error that kept us
   *   from knowing (`network`, `timeout`, `wechat_unavailable`, ...). Show "confirming", never "failed"; ask again with `confirm`.
   */
  state: 'paid' | 'cancelled' | 'failed' | 'unknown';
  paymentId: string;
  reason?: string;
  /** What the cashier said, for logs. Its wording is not stable. */
  errMsg?: string;
}

export interface ConfirmResult {
  paymentId: string;
  /** The payment's state at the server; `unknown` when the server could not be asked (`reason` says why). */
  state: 'open' | 'closing' | 'paid' | 'closed' | 'unknown';
  reason?: string;
}

/** What the buyer may see of a payment. */
export interface PaymentView {
  id: string;
  /** Integer fen, CNY. */
  amount_fen: number;
  description: string;
  state: 'open' | 'closing' | 'paid' | 'closed';
  /** RFC 3339. */
  expires_at: string;
}

export interface Shouyin {
  /** Makes sure that there is a session. Optional: every other call does it by itself. */
  login(): Promise<void>;
  /** Forgets the session on this phone. */
  logout(): void;
  /** The payment as the server shows it to its buyer; use it for the amount on the checkout page. */
  getPayment(paymentId: string): Promise<PaymentView>;
  /**
   * Opens the cashier and resolves with the outcome. Call it from a tap. While a payment runs, calling again returns the
   * same promise. Rejects with a ShouyinError only for mistakes in the program or the setup (a payment that does not
   * exist, a wrong appid), and only before the cashier has opened.
   */
  pay(paymentId: string, options?: { onStage?: (stage: Stage) => void }): Promise<PayResult>;
  /** One question to the server (repeated only if it does not get through). Rejects with a ShouyinError when refused (4xx). */
  confirm(paymentId: string): Promise<ConfirmResult>;
  /**
   * Asks for every payment whose end this phone has not heard, also after the app was killed in the cashier.
   * Call it in App.onShow. Payments being paid right now are left out.
   */
  confirmPending(): Promise<ConfirmResult[]>;
}

/**
 * `code` is the problem code of the server (`payment_not_found`, ...), `http_<status>` for an answer without one, or:
 * `invalid_argument`, `network`, `timeout`, `login_failed`, `login_code_missing`, `invalid_answer`.
 */
export interface ShouyinError extends Error {
  name: 'ShouyinError';
  code: string;
  /** For the developer; English. */
  detail: string;
  /** HTTP status, 0 when there was no answer. */
  status: number;
  /** Whether the same call may succeed later. */
  retryable: boolean;
  /** WeChat's message when a wx call failed, else empty. */
  errMsg: string;
}

export function createShouyin(options: ShouyinOptions): Shouyin;
export function isShouyinError(error: unknown): error is ShouyinError;

/** The part of WeChat's `wx` that is used. The real `wx` fits. */
export interface Wx {
  login(options: {
    timeout?: number;
    success?: (result: { code: string; errMsg: string }) => void;
    fail?: (result: { errMsg: string }) => void;
  }): unknown;
  request(options: {
    url: string;
    method?: 'GET' | 'POST';
    data?: object;
    header?: Record<string, string>;
    dataType?: 'json';
    timeout?: number;
    success?: (result: { statusCode: number; data: any }) => void;
    fail?: (result: { errMsg: string }) => void;
  }): any;
  requestPayment(options: {
    timeStamp: string;
    nonceStr: string;
    package: string;
    signType?: any;
    paySign: string;
    success?: (result: { errMsg: string }) => void;
    fail?: (result: { errMsg: string }) => void;
    complete?: (result: { errMsg: string }) => void;
  }): unknown;
  getStorageSync(key: string): any;
  setStorageSync(key: string, value: any): void;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  setTimeout(run: () => void, ms: number): any;
  clearTimeout(timer: any): void;
}

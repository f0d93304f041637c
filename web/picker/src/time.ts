/** Waiting that ends with whatever it is for. */

/** Resolves after `ms`; rejects when `signal` is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Resolves when the browser has a network again, or after `ms` at the latest. */
export async function networkOr(ms: number, signal?: AbortSignal): Promise<void> {
  const back = new AbortController();
  const listen = () => back.abort();
  addEventListener("online", listen, { once: true });
  const either = signal ? AbortSignal.any([signal, back.signal]) : back.signal;
  try {
    await pause(ms, either);
  } catch (error) {
    if (signal?.aborted) throw error;
  } finally {
    removeEventListener("online", listen);
  }
}

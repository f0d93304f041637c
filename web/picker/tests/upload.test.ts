import assert from "node:assert/strict";
import { test } from "node:test";
import { isWithin, kept, middle, pulled, storedSize, turned } from "../src/edit/geometry.js";
import { addressOf } from "../src/sources/link/link.js";
import { partsOf } from "../src/transfers/upload.js";

const MIB = 1024 * 1024;
const blob = (size: number) => ({ size, slice: (from: number, to: number) => ({ size: Math.min(to, size) - from }) }) as unknown as Blob;

test("a file is cut into parts of six mebibytes, and into no more than ten thousand", () => {
  const sizes = (size: number) => partsOf(blob(size)).map((part) => part.bytes.size);
  assert.deepEqual(sizes(0), []);
  assert.deepEqual(sizes(1), [1]);
  assert.deepEqual(sizes(6 * MIB), [6 * MIB]);
  assert.deepEqual(sizes(6 * MIB + 1), [6 * MIB, 1]);
  const huge = sizes(350e9);
  assert.ok(huge.length <= 10_000, `${huge.length} parts`);
  assert.equal(huge.reduce((sum, size) => sum + size, 0), 350e9);
  assert.equal(partsOf(blob(7 * MIB))[1]?.number, 2);
});

test("what somebody types is an address of the web, or nothing", () => {
  assert.equal(addressOf(" https://example.org/a b.jpg "), "https://example.org/a%20b.jpg");
  assert.equal(addressOf("example.org/a.jpg"), "https://example.org/a.jpg");
  assert.equal(addressOf("localhost:8080/a"), "https://localhost:8080/a");
  for (const wrong of ["", "harbor", "ftp://example.org/a", "javascript:alert(1)", "file:///etc/passwd", "https://"]) {
    assert.equal(addressOf(wrong), undefined, wrong);
  }
});

test("pictures keep their shape when they are brought to a size", () => {
  assert.deepEqual(storedSize([400, 300], { max: [200, 200] }), [200, 150]);
  assert.deepEqual(storedSize([100, 50], { max: [200, 200] }), [100, 50]);
  assert.deepEqual(storedSize([100, 50], { min: [200, null] }), [200, 100]);
  assert.deepEqual(storedSize([400, 300], { dim: [800, null] }), [800, 600]);
  assert.deepEqual(storedSize([400, 300], { dim: [800, 300] }), [400, 300]);
  assert.ok(isWithin([200, 200], { max: [200, 200], min: [200, 200] }));
  assert.ok(!isWithin([201, 200], { max: [200, null] }) && !isWithin([199, 200], { min: [200, 200] }));
});

test("an area stays within its picture, whatever is pulled", () => {
  assert.deepEqual(turned([40, 30], 270), [30, 40]);
  assert.deepEqual(middle([300, 100], 1), { position: [100, 0], size: [100, 100] });
  assert.deepEqual(kept({ position: [-5, 90], size: [50, 50] }, [100, 100], 16), { position: [0, 50], size: [50, 50] });
  const area = { position: [10, 10] as [number, number], size: [40, 40] as [number, number] };
  assert.deepEqual(pulled(area, "se", [500, 500], [100, 80], 16), { position: [10, 10], size: [90, 70] });
  assert.deepEqual(pulled(area, "nw", [500, 500], [100, 80], 16), { position: [34, 34], size: [16, 16] });
  const square = pulled(area, "e", [500, 500], [100, 80], 16, 1);
  assert.equal(square.size[0], square.size[1]);
  assert.ok(square.position[1] + square.size[1] <= 80);
});

export const PLATFORMS: string[];
export const GPU_PACKAGES: string[];
export const NODE_VERSIONS: number[];
export const PACKAGE_MANAGERS: string[];
export function libraryName(platform: string, backend: string): string;

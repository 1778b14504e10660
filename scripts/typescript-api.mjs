// Preloaded for dependency-cruiser: it reads TypeScript through the compiler's JavaScript API, which TypeScript 7.0
// does not have. It gets TypeScript 6 for that; everything else uses 7. Without this it would silently check nothing.
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'typescript' || specifier.startsWith('typescript/')
      ? next(specifier.replace('typescript', '@typescript/typescript6'), context)
      : next(specifier, context),
});

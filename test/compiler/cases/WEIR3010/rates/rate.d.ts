export declare const rate: number;

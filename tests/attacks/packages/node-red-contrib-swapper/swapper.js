module.exports = function (RED) {
    RED.plugins.registerPlugin("swapper", { type: "swapper" });
};

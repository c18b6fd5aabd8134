module.exports = function (RED) {
    RED.plugins.registerPlugin("deployer", { type: "deployer" });
};
